//! Delivery reports to a database: JSON-RPC, statuses with their uuids.

use iap_sdk::prelude::*;
use serde::Serialize;
use serde_json::json;

/// Messages in one report.
const MOST_UUIDS: usize = 1_000;

/// What to report, grouped by status.
#[derive(Debug, Default)]
pub struct Statuses(Vec<Group>);

#[derive(Debug, Serialize)]
struct Group {
    sms_status: &'static str,
    uuids: Vec<String>,
}

impl Statuses {
    /// Adds a message. The uuid must be one that databases accept.
    pub fn add(&mut self, status: &'static str, uuid: &str) {
        let open = self.0.iter_mut().find(|group| group.sms_status == status && group.uuids.len() < MOST_UUIDS);
        match open {
            Some(group) => group.uuids.push(uuid.to_owned()),
            None => self.0.push(Group { sms_status: status, uuids: vec![uuid.to_owned()] }),
        }
    }

    /// As in a report.
    #[cfg(test)]
    pub fn groups(&self) -> serde_json::Value {
        json!(self.0)
    }

    /// Posts them, in reports of bounded size. Reports with the same `order` arrive one after another.
    ///
    /// # Errors
    ///
    /// Of `callback`; reports before the refused one are posted.
    pub fn post(&self, account_ref: &str, url: &str, order: &str) -> Result<(), callback::Error> {
        let mut report: Vec<&Group> = Vec::new();
        let mut uuids = 0;
        for group in &self.0 {
            if uuids + group.uuids.len() > MOST_UUIDS {
                post(account_ref, url, order, &report)?;
                report.clear();
                uuids = 0;
            }
            report.push(group);
            uuids += group.uuids.len();
        }
        if report.is_empty() { Ok(()) } else { post(account_ref, url, order, &report) }
    }
}

fn post(account_ref: &str, url: &str, order: &str, report: &[&Group]) -> Result<(), callback::Error> {
    let body = json!({
        "jsonrpc": "2.0",
        "method": "call",
        "id": 1,
        "params": { "message_statuses": report },
    });
    callback::post(callback::Message::json(account_ref, url, &body).expect_json_rpc().order(order)).map(drop)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn reports_are_grouped_bounded_and_in_order() {
        let host = iap_sdk::testing::Host::new();
        host.free("report");
        let mut statuses = Statuses::default();
        statuses.add("sent", "a");
        statuses.add("server_error", "b");
        statuses.add("sent", "c");
        for n in 0..2_500 {
            statuses.add("delivered", &n.to_string());
        }
        struct Reporter;
        thread_local!(static STATUSES: std::cell::RefCell<Statuses> = std::cell::RefCell::default());
        impl Service for Reporter {
            fn operations() -> Operations {
                Operations::new().on("report", |call: &Call, (): ()| {
                    STATUSES
                        .with_borrow(|statuses| statuses.post(call.account_ref(), "https://db.test/sms/status", "o"))?;
                    Ok(())
                })
            }
        }
        STATUSES.set(statuses);
        host.call::<Reporter>("report", ()).unwrap();
        let posted = host.callbacks();
        let mut total = 0;
        for message in &posted {
            assert_eq!(message.order.as_deref(), Some("o"));
            assert!(message.options.contains(&("success".into(), "json-rpc".into())));
            let body: Value = serde_json::from_slice(&message.body).unwrap();
            let groups = body["params"]["message_statuses"].as_array().unwrap().clone();
            let uuids: usize = groups.iter().map(|group| group["uuids"].as_array().unwrap().len()).sum();
            assert!(0 < uuids && uuids <= MOST_UUIDS);
            total += uuids;
        }
        assert_eq!(total, 2_503);
        let first: Value = serde_json::from_slice(&posted[0].body).unwrap();
        assert_eq!(
            first,
            json!({
                "jsonrpc": "2.0", "method": "call", "id": 1,
                "params": { "message_statuses": [
                    { "sms_status": "sent", "uuids": ["a", "c"] },
                    { "sms_status": "server_error", "uuids": ["b"] },
                ]},
            })
        );
    }
}
