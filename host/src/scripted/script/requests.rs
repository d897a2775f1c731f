//! Requests and answers of a script: what hooks get, and what providers answer.

use std::{ops::Range, time::Duration};

use super::{
    Hook, Scripted, Sign, raw,
    read::{Read, Source},
    values,
};
use crate::scripted::fault;

impl Source<'_> {
    pub(super) fn hook(&self, span: Range<usize>, hook: &raw::Hook) -> Read<Hook> {
        let mut headers: Vec<(String, String)> =
            hook.headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.clone())).collect();
        let body = self.body(span, hook.json.as_ref(), hook.text.as_deref(), &mut headers)?;
        let sign = hook.sign.as_ref().map(|sign| {
            let algorithm = self.at(&sign.algorithm, |name| match name.as_str() {
                "hmac-sha1" | "hmac-sha256" | "hmac-sha512" => Ok(name.clone()),
                _ => Err(format!("{name:?} is none of hmac-sha1, hmac-sha256 and hmac-sha512")),
            })?;
            let base64 = sign.encoding.as_ref().map_or(Ok(false), |encoding| {
                self.at(encoding, |name| match name.as_str() {
                    "hex" => Ok(false),
                    "base64" => Ok(true),
                    _ => Err(format!("{name:?} is neither hex nor base64")),
                })
            })?;
            let header = sign.header.to_ascii_lowercase();
            Ok(Sign {
                header,
                prefix: sign.prefix.clone(),
                key: sign.key.clone(),
                algorithm,
                base64,
                text: sign.text.clone(),
            })
        });
        Ok(Hook {
            path: hook.path.clone(),
            method: hook.method.clone().unwrap_or_else(|| "POST".to_owned()),
            query: hook.query.clone(),
            headers,
            body,
            sign: sign.transpose()?,
        })
    }

    pub(super) fn provider(&self, span: Range<usize>, answer: &raw::Provider) -> Read<Scripted> {
        let mut headers: Vec<(String, String)> =
            answer.headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        let body = self.body(span.clone(), answer.json.as_ref(), answer.text.as_deref(), &mut headers)?;
        let path = self.at(&answer.path, |path| match path.starts_with('/') {
            true => Ok(path.clone()),
            false => Err("a path begins with \"/\", below the endpoint's base_url".to_owned()),
        })?;
        let status = answer.status.as_ref().map_or(Ok(200), |status| {
            self.at(status, |status| match status {
                200..=599 => Ok(*status),
                _ => Err("a status is 200 to 599".to_owned()),
            })
        })?;
        let fault = answer.fault.as_ref().map(|name| {
            self.at(name, |name| match name.as_str() {
                "hang-up" => Ok(fault::Answer::HangUp),
                "silent" => Ok(fault::Answer::Silent),
                "garbage" => Ok(fault::Answer::Garbage),
                "partial" => Ok(fault::Answer::Partial),
                _ => Err(format!("{name:?} is none of hang-up, silent, garbage and partial")),
            })
        });
        let delay = answer.delay.as_ref().map(|delay| self.at(delay, |text| values::duration(text))).transpose()?;
        Ok(Scripted {
            line: self.line(&span),
            endpoint: answer.endpoint.get_ref().clone(),
            method: answer.method.get_ref().to_ascii_uppercase(),
            path,
            request: self.json(answer.request.as_ref())?,
            contains: answer.contains.clone(),
            times: answer.times,
            status,
            headers,
            body,
            delay: delay.unwrap_or(Duration::ZERO),
            fault: fault.transpose()?,
        })
    }

    /// The body of a request or answer, and the header that says what it is.
    fn body(
        &self,
        span: Range<usize>,
        json: Option<&raw::Given>,
        text: Option<&str>,
        headers: &mut Vec<(String, String)>,
    ) -> Read<Vec<u8>> {
        match (self.json(json)?, text) {
            (Some(_), Some(_)) => Err(self.error(span, "write json or text, not both".to_owned())),
            (Some(json), None) => {
                if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
                    headers.push(("content-type".to_owned(), "application/json".to_owned()));
                }
                Ok(json.to_string().into_bytes())
            }
            (None, text) => Ok(text.unwrap_or_default().as_bytes().to_vec()),
        }
    }
}
