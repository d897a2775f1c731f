//! A host with a mail server, and those who talk to it.

use iap_tests::{Reply, Settings, Simulator, TestHost, cluster, host::until};
use serde_json::{Value, json};

/// A public key that somebody could hold (RFC 8032, test 1).
pub const KEY: &str = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";

pub struct World {
    pub host: TestHost,
    pub mail: Simulator,
}

/// A host with lines of `iap.toml`, on SQLite.
pub async fn world(toml: &str) -> World {
    World::with(Settings { toml: toml.to_owned(), ..Settings::default() }).await
}

/// The same on PostgreSQL.
pub async fn on_postgres(toml: &str) -> World {
    let settings = Settings { toml: toml.to_owned(), ..Settings::default() };
    World::with(settings.postgres(&cluster::shared().fresh_database())).await
}

impl World {
    pub async fn with(mut settings: Settings) -> Self {
        let mail = Simulator::start("mail");
        let address = mail.send("GET", "/address", None).await;
        let url = address["url"].as_str().expect("it tells where it takes mail");
        settings.tables.push_str(&format!("[mail]\nsmtp_url = {url:?}\nfrom = \"IAP <iap@host.example>\"\n"));
        settings.without_simulators = true;
        Self { host: TestHost::with(&settings), mail }
    }

    /// A request by nobody.
    pub async fn send(&self, method: &str, path: &str, body: Option<&Value>) -> Reply {
        self.host.operator().send_with(method, path, body, &[]).await
    }

    /// A request with a bearer token.
    pub async fn send_as(&self, token: &str, method: &str, path: &str, body: Option<&Value>) -> Reply {
        let bearer = format!("Bearer {token}");
        self.host.operator().send_with(method, path, body, &[("Authorization", &bearer)]).await
    }

    /// Mails to an address.
    pub async fn mails(&self, to: &str) -> Vec<Value> {
        let inbox = self.mail.send("GET", &format!("/inbox?to={to}"), None).await;
        inbox["mails"].as_array().cloned().expect("a list")
    }

    /// The body of the newest mail to an address, once there are this many.
    pub async fn mail(&self, to: &str, count: usize) -> String {
        until(&format!("{count} mails to {to}"), async || self.mails(to).await.len() == count).await;
        let mails = self.mails(to).await;
        mails[count - 1]["body"].as_str().expect("a text").to_owned()
    }

    /// Waits until all mails have gone out.
    pub async fn settled(&self) {
        let waiting = "SELECT count(*) FROM mail WHERE state = 'waiting'";
        until("all mails are sent", async || self.host.sql(waiting) == ["0"]).await;
    }

    /// A code that is mailed to the member with a token, to say once more who it is.
    pub async fn proof(&self, token: &str, vendor: &str) -> String {
        self.settled().await;
        let sent = self.send_as(token, "POST", &format!("/v1/vendors/{vendor}/reauthenticate"), None).await;
        assert_eq!(sent.status, 200, "{}", sent.text);
        self.settled().await;
        let email = sent.json()["email"].as_str().expect("an address").to_owned();
        self.code(&email, self.mails(&email).await.len()).await
    }

    /// The code in it.
    pub async fn code(&self, to: &str, count: usize) -> String {
        let body = self.mail(to, count).await;
        let (_, after) = body.split_once("Your code is ").unwrap_or_else(|| panic!("no code: {body}"));
        after[..8].to_owned()
    }

    /// A vendor signs up and its owner confirms the address: where it stands then.
    pub async fn sign_up(&self, name: &str, email: &str) -> String {
        let before = self.mails(email).await.len();
        let reply = self.send("POST", "/v1/vendors", Some(&asking(name, email))).await;
        assert_eq!(reply.status, 201, "{}", reply.text);
        let code = self.code(email, before + 1).await;
        self.confirm(name, email, &code).await
    }

    /// Somebody confirms an address: where the vendor stands then.
    pub async fn confirm(&self, vendor: &str, email: &str, code: &str) -> String {
        let body = json!({ "email": email, "code": code });
        let reply = self.send("POST", &format!("/v1/vendors/{vendor}/confirm"), Some(&body)).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        reply.json()["state"].as_str().expect("a state").to_owned()
    }

    /// An owner invites somebody, who confirms. All who are told of it have been.
    pub async fn invite(&self, owner: &str, vendor: &str, email: &str, role: &str) {
        let before = self.mails(email).await.len();
        let mut body = json!({ "email": email, "role": role });
        if role != "developer" {
            body["code"] = json!(self.proof(owner, vendor).await);
        }
        let reply = self.send_as(owner, "POST", &format!("/v1/vendors/{vendor}/members"), Some(&body)).await;
        assert_eq!(reply.status, 201, "{}", reply.text);
        let code = self.code(email, before + 1).await;
        self.confirm(vendor, email, &code).await;
        self.settled().await;
    }

    /// A program asks for a token: the codes.
    pub async fn begin(&self, scopes: &[&str]) -> (String, String) {
        let body = json!({ "client": "iap of a test", "scopes": scopes });
        let reply = self.send("POST", "/v1/login/device", Some(&body)).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        let text = |name: &str| reply.json()[name].as_str().expect("a text").to_owned();
        (text("device_code"), text("user_code"))
    }

    /// A program asks whether there is a token.
    pub async fn ask(&self, device_code: &str) -> Reply {
        self.send("POST", "/v1/login/token", Some(&json!({ "device_code": device_code }))).await
    }

    /// A token of a member, as `iap login` gets it.
    pub async fn token(&self, email: &str, scopes: &[&str]) -> String {
        let mut browser = self.browser();
        browser.sign_in(self, email).await;
        let (device, user) = self.begin(scopes).await;
        let page = browser.get(&format!("/login/device?user_code={user}")).await;
        assert!(page.text.contains("iap of a test"), "{}", page.text);
        let page = browser.send(&page, "/login/device/decide", &[("decision", "yes")]).await;
        assert!(page.text.contains("Signed in"), "{}", page.text);
        let reply = self.ask(&device).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        reply.json()["token"].as_str().expect("a token").to_owned()
    }
}

/// What somebody says who signs up.
pub fn asking(name: &str, email: &str) -> Value {
    json!({
        "name": name,
        "title": "Acme",
        "email": email,
        "organisation": "Acme BV",
        "country": "BE",
        "vat_number": "BE 0477.472.701",
        "terms_version": "1",
        "terms_accepted": true,
    })
}

/// The code of a problem, with its status.
pub fn problem(reply: &Reply) -> (u16, String) {
    (reply.status, reply.json()["code"].as_str().unwrap_or(&reply.text).to_owned())
}

/// All scopes.
pub const ALL: [&str; 5] = ["read", "publish", "settings", "finance", "admin"];
