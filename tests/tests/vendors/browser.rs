//! Somebody with a browser: keeps a cookie, sends forms with what they carry along.

use iap_tests::Reply;

use crate::support::World;

pub struct Browser {
    client: reqwest::Client,
    url: String,
    pub cookie: Option<String>,
    /// The last `Set-Cookie`, as it came.
    pub set_cookie: String,
}

impl World {
    pub fn browser(&self) -> Browser {
        let client = self.host.client().clone();
        Browser { client, url: self.host.url().to_owned(), cookie: None, set_cookie: String::new() }
    }
}

impl Browser {
    /// Opens a page; redirects are followed.
    pub async fn get(&mut self, path: &str) -> Reply {
        let reply = self.once(self.client.get(format!("{}{path}", self.url))).await;
        self.follow(reply).await
    }

    /// Sends a form of a page.
    pub async fn send(&mut self, page: &Reply, action: &str, fields: &[(&str, &str)]) -> Reply {
        let mut all = hidden(&page.text, action);
        all.extend(fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let reply = self.post(action, &all, &[]).await;
        self.follow(reply).await
    }

    /// Sends fields, as no page has them.
    pub async fn post(&mut self, path: &str, fields: &[(String, String)], headers: &[(&str, &str)]) -> Reply {
        let pair = |(name, value): &(String, String)| format!("{}={}", encoded(name), encoded(value));
        let body = fields.iter().map(pair).collect::<Vec<_>>().join("&");
        let mut request = self.client.post(format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.once(request.header("Content-Type", "application/x-www-form-urlencoded").body(body)).await
    }

    async fn once(&mut self, mut request: reqwest::RequestBuilder) -> Reply {
        if let Some(cookie) = &self.cookie {
            request = request.header("Cookie", format!("other=1; {cookie}"));
        }
        let response = request.send().await.expect("the host answers");
        let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        if let Some(set) = header("set-cookie") {
            let pair = set.split(';').next().unwrap_or_default().to_owned();
            self.cookie = (!pair.ends_with('=')).then_some(pair);
            self.set_cookie = set;
        }
        let (location, content_type) = (header("location"), header("content-type").unwrap_or_default());
        let status = response.status().as_u16();
        Reply { status, location, content_type, text: response.text().await.expect("a text") }
    }

    async fn follow(&mut self, mut reply: Reply) -> Reply {
        while let Some(to) = reply.location.take() {
            reply = self.once(self.client.get(format!("{}{to}", self.url))).await;
        }
        reply
    }

    /// Signs in with a mailed code.
    pub async fn sign_in(&mut self, world: &World, email: &str) -> Reply {
        let before = world.mails(email).await.len();
        let page = self.get("/vendors/sign-in").await;
        let page = self.send(&page, "/vendors/sign-in", &[("email", email)]).await;
        let code = world.code(email, before + 1).await;
        let page = self.send(&page, "/vendors/sign-in/code", &[("code", &code)]).await;
        assert!(self.cookie.is_some(), "{}", page.text);
        page
    }
}

/// Hidden fields of a page's first form with an action.
pub fn hidden(page: &str, action: &str) -> Vec<(String, String)> {
    let (_, form) =
        page.split_once(&format!("action=\"{action}\"")).unwrap_or_else(|| panic!("no form {action}:\n{page}"));
    let form = form.split("</form>").next().unwrap_or_default();
    let attribute = |tag: &str, name: &str| {
        let (_, after) = tag.split_once(&format!(" {name}=\""))?;
        after.split('"').next().map(|value| value.replace("&amp;", "&"))
    };
    let inputs = form.split("<input").skip(1).filter(|tag| tag.starts_with(" type=\"hidden\""));
    inputs.filter_map(|tag| Some((attribute(tag, "name")?, attribute(tag, "value")?))).collect()
}

fn encoded(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
    text.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}
