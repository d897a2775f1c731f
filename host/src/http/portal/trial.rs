//! Whether an account had its trial credits, or why not.

use iap_core::trial::{Declared, NotEligible, eligible};
use iap_store::{StoreError, repositories::DatabaseRow};

use super::visit::Visit;
use crate::{app::App, payments::counted};

/// One or two sentences for who came to claim a trial.
pub(super) async fn note(app: &App, visit: &Visit) -> Result<String, StoreError> {
    let service = &visit.service;
    let Some(size) = service.release.as_ref().and_then(|release| release.manifest().trial) else {
        return Ok(format!("{} gives no trial credits.", service.title));
    };
    let Some(database) = &visit.database else {
        return Ok("Trial credits belong to a database, and this account is not known to belong to one yet: use the service once from Odoo.".to_owned());
    };
    let had = app.store.grants().had_trial(service.id, database.id).await?;
    Ok(explain(&service.title, &counted(size, &service.unit), database, had))
}

fn explain(title: &str, size: &str, database: &DatabaseRow, had: bool) -> String {
    if had {
        return format!("{size} were given to this database to try {title}. A database gets them once.");
    }
    let said = &database.declaration;
    let declared = match (said.edition.parse(), said.purpose.parse()) {
        (Ok(edition), Ok(purpose)) if database.declared_at.is_some() => {
            eligible(Declared { edition, subscription_valid: said.subscription_valid, purpose })
        }
        _ => Err(NotEligible::EditionUnknown),
    };
    match declared {
        Ok(()) => format!("{size} to try {title} come with the next use from Odoo."),
        Err(why) => format!("No trial credits yet: {why}."),
    }
}

#[cfg(test)]
mod tests {
    use iap_core::{Time, ids::DatabaseId};
    use iap_store::repositories::Declaration;

    use super::*;

    fn database(edition: &str, subscription_valid: bool, declared_at: Option<Time>) -> DatabaseRow {
        let declaration = Declaration {
            hosting: "on_premise".into(),
            edition: edition.into(),
            subscription_valid,
            purpose: "production".into(),
            country: None,
            base_url: None,
        };
        DatabaseRow { id: DatabaseId(1), dbuuid: "db".into(), declaration, first_seen_at: Time(0), declared_at }
    }

    #[test]
    fn a_trial_is_explained_whatever_came_of_it() {
        let declared = Some(Time(1));
        let unknown = "No trial credits yet: trial credits need a declared Enterprise edition; ask the operator of this host to declare the edition of this database.";
        for (database, had, text) in [
            (
                database("enterprise", true, declared),
                true,
                "10 credits were given to this database to try SMS. A database gets them once.",
            ),
            (database("enterprise", true, declared), false, "10 credits to try SMS come with the next use from Odoo."),
            (
                database("enterprise", false, declared),
                false,
                "No trial credits yet: trial credits need a valid subscription; renew it, then ask the operator of this host to declare it.",
            ),
            (
                database("community", true, declared),
                false,
                "No trial credits yet: trial credits are for Enterprise databases; buy a pack instead.",
            ),
            (database("unknown", true, declared), false, unknown),
            (database("enterprise", true, None), false, unknown),
        ] {
            assert_eq!(explain("SMS", "10 credits", &database, had), text);
        }
    }
}
