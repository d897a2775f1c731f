//! Who looks at a page: the account that the link's token opens.

use std::sync::Arc;

use axum::http::StatusCode;
use iap_core::{
    hosting::{Door, Hosting},
    identity::{AccountToken, Dbuuid, Decision, KnownAccount, Meeting, meet},
};
use iap_store::repositories::{AccountRow, DatabaseRow};
use maud::{Markup, html};

use super::{
    fields::{Fields, link},
    problem::Problem,
};
use crate::{
    accounts::{Contact, Standing, ask, hosting_of},
    app::App,
    catalog::Service,
};

/// Hexadecimal digits of a SHA-1.
const SHA1: usize = 40;

/// What a link shows, to be handed on by the page's forms and links.
#[derive(Clone)]
pub(super) struct Shown {
    token: String,
    hashed: bool,
    sha1: String,
    dbuuid: Option<String>,
}

/// A service, an account of it, and the database that the visitor comes from.
pub(super) struct Visit {
    pub(super) service: Arc<Service>,
    pub(super) account: AccountRow,
    pub(super) database: Option<DatabaseRow>,
    pub(super) hosting: Hosting,
    shown: Shown,
    /// Why this database may do nothing with the account, whatever the service.
    stranger: Option<String>,
}

impl Visit {
    /// Reads `service_name`, `account_token`, `hashed` and `dbuuid`. A plain token that is new opens its
    /// account, as Odoo expects of its buy page; of a hashed one the token is not known, so it cannot.
    pub(super) async fn open(app: &App, fields: &Fields) -> Result<Self, Problem> {
        let service = service(app, fields)?;
        let dbuuid = match fields.get("dbuuid").or_else(|| fields.get("db_uuid")) {
            Some(text) => Some(Dbuuid::parse(text).map_err(|error| bad_link(&error.to_string()))?),
            None => None,
        };
        let text = fields.get("account_token").ok_or_else(|| bad_link("the link has no account_token"))?;
        let visit = if fields.is_set("hashed") {
            hashed(app, service, text, dbuuid).await
        } else {
            plain(app, service, text, dbuuid).await
        }?;
        Ok(Self { service: app.catalog.serving(&visit.service, Some(&visit.account)), ..visit })
    }

    /// Why nothing may be bought, if so.
    pub(super) fn refusal(&self) -> Option<String> {
        self.refused_at(Door::Order)
    }

    /// Why a door stays shut, if so.
    pub(super) fn refused_at(&self, door: Door) -> Option<String> {
        let asked = || match ask(door, &self.service, self.hosting, Some(&self.account)) {
            Standing::Active => None,
            Standing::Refused { message, .. } => Some(message),
        };
        self.stranger.clone().or_else(asked)
    }

    /// A link to a page about this account.
    pub(super) fn link(&self, path: &str, more: &[(&str, &str)]) -> String {
        let mut fields = self.fields();
        fields.extend_from_slice(more);
        link(path, &fields)
    }

    /// The list of what this token opens. By its fingerprint: a plain token need not be in one more link.
    pub(super) fn services_link(&self) -> String {
        let mut fields = vec![("account_tokens", self.shown.sha1.as_str()), ("hashed", "1")];
        fields.extend(self.shown.dbuuid.iter().map(|dbuuid| ("db_uuid", dbuuid.as_str())));
        link("/iap/1/all-in-app-services", &fields)
    }

    /// What forms carry along.
    pub(super) fn hidden(&self) -> Markup {
        html! { @for (name, value) in self.fields() { input type="hidden" name=(name) value=(value); } }
    }

    fn fields(&self) -> Vec<(&str, &str)> {
        let mut fields =
            vec![("service_name", self.service.name.as_str()), ("account_token", self.shown.token.as_str())];
        fields.extend(self.shown.dbuuid.iter().map(|dbuuid| ("dbuuid", dbuuid.as_str())));
        fields.extend(self.shown.hashed.then_some(("hashed", "1")));
        fields
    }
}

fn service(app: &App, fields: &Fields) -> Result<Arc<Service>, Problem> {
    let name = fields.get("service_name").ok_or_else(|| bad_link("the link has no service_name"))?;
    app.catalog.service(name).ok_or_else(|| {
        Problem::new(
            StatusCode::NOT_FOUND,
            "Unknown service",
            format!("This host does not offer a service named “{name}”."),
            "Look at My Services for what it offers, or ask its operator to add the service.",
        )
    })
}

/// A token of a link: blanks are plus signs that nobody encoded.
pub(super) fn read_token(text: &str) -> Result<AccountToken, Problem> {
    AccountToken::parse(&text.replace(' ', "+")).map_err(|error| bad_link(&error.to_string()))
}

/// The SHA-1 of a token, in small letters.
pub(super) fn read_sha1(text: &str) -> Result<String, Problem> {
    if text.len() == SHA1 && text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Ok(text.to_ascii_lowercase());
    }
    Err(bad_link("the account_token of a link with hashed=1 is a SHA-1 of 40 hexadecimal digits"))
}

fn bad_link(what: &str) -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "This link does not work",
        super::text::sentence(what),
        "Open the page from Odoo: Settings, then View My Services or Buy Credit of the IAP account.",
    )
}

async fn plain(app: &App, service: Arc<Service>, text: &str, dbuuid: Option<Dbuuid>) -> Result<Visit, Problem> {
    let token = read_token(text)?;
    let disabled = || {
        Problem::new(
            StatusCode::FORBIDDEN,
            "This is a test copy of a database",
            "Its accounts are disabled, so that a copy never spends what belongs to the original. Nothing is sold to it.",
            "Buy from the original database.",
        )
    };
    if token.is_disabled() {
        return Err(disabled());
    }
    let contact = Contact { token: token.clone(), dbuuid: dbuuid.clone(), door: Door::BuyPage };
    let met = contact.meet(&app.store, &app.keys, &app.config, &service).await?;
    let account = met.account.ok_or_else(disabled)?;
    let stranger = match met.standing {
        // What is left is asked at the door of what the visitor wants; consent is asked on the page.
        Standing::Refused { code: "seen-elsewhere", message } => Some(message),
        Standing::Refused { .. } | Standing::Active => None,
    };
    let shown = Shown {
        token: token.as_str().to_owned(),
        sha1: app.keys.account_token(token.as_str()).sha1,
        hashed: false,
        dbuuid: dbuuid.map(|dbuuid| dbuuid.to_string()),
    };
    Ok(Visit {
        hosting: hosting_of(met.database.as_ref(), &app.config),
        service,
        account,
        database: met.database,
        shown,
        stranger,
    })
}

async fn hashed(app: &App, service: Arc<Service>, text: &str, dbuuid: Option<Dbuuid>) -> Result<Visit, Problem> {
    let sha1 = read_sha1(text)?;
    let accounts = app.store.accounts();
    let account = accounts.by_sha1(service.id, &sha1).await?.ok_or_else(|| {
        Problem::new(
            StatusCode::NOT_FOUND,
            "This account has not been used here yet",
            format!("The link names an account of {} by its fingerprint only, and no account with this fingerprint has been here before.", service.title),
            "Open the service once from Odoo, or press Buy again after first use.",
        )
    })?;
    let databases = app.store.databases();
    let home = match account.database {
        Some(home) => databases.get(home).await?,
        None => None,
    };
    let named = match &dbuuid {
        Some(dbuuid) => databases.by_dbuuid(dbuuid.as_str()).await?,
        None => None,
    };
    let stranger = match (&dbuuid, &named, account.database) {
        (Some(_), Some(named), _) => {
            let decisions = accounts.elsewhere(account.id).await?;
            let others: Vec<_> = decisions.into_iter().map(|(database, word)| (database, decision(&word))).collect();
            is_stranger(meet(Some(&KnownAccount { home: account.database, others: &others }), Some(named.id)))
        }
        // A database that was never here, while the account is at home in another.
        (Some(_), None, Some(_)) => Some(STRANGER.to_owned()),
        (Some(_), None, None) | (None, ..) => None,
    };
    let database = if dbuuid.is_some() && stranger.is_none() { named.or(home) } else { home };
    let shown = Shown { token: sha1.clone(), sha1, hashed: true, dbuuid: dbuuid.map(|dbuuid| dbuuid.to_string()) };
    Ok(Visit { hosting: hosting_of(database.as_ref(), &app.config), service, account, database, shown, stranger })
}

const STRANGER: &str = "this account is at home in another database; an admin there (or the operator) must choose share, move or refuse before it can be used here";

fn is_stranger(meeting: Meeting) -> Option<String> {
    match meeting {
        Meeting::Open(_) | Meeting::Adopt(_) | Meeting::Home | Meeting::Shared(_) => None,
        Meeting::Refused(_) | Meeting::SeenElsewhere { .. } => Some(STRANGER.to_owned()),
    }
}

fn decision(word: &str) -> Decision {
    match word {
        "shared" => Decision::Share,
        "refused" => Decision::Refuse,
        _ => Decision::Undecided,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_of_links_are_read_as_people_paste_them() {
        assert!(read_token("abc disabled").unwrap().is_disabled(), "a plus sign that nobody encoded");
        assert_eq!(read_token("abc+def").unwrap().as_str(), "abc");
        assert!(read_token("é").is_err());
    }

    #[test]
    fn hashes_are_forty_digits() {
        let sha1 = "B1775A785F09A6EBAF2DC33D6EAEB98974D9CDB8";
        assert_eq!(read_sha1(sha1).unwrap(), sha1.to_ascii_lowercase());
        assert!(read_sha1(&sha1[1..]).is_err());
        assert!(read_sha1(&sha1.replace('B', "G")).is_err());
    }
}
