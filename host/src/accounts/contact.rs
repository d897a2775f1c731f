//! Who calls: the account that a token opens, the database that shows it, and what they may do.

use iap_core::{
    hosting::{Door, Hosting},
    identity::{AccountToken, Dbuuid, Decision, KnownAccount, Meeting, meet},
    ids::DatabaseId,
};
use iap_store::{
    Store, StoreError,
    repositories::{AccountRow, DatabaseRow, NewAccount},
};

use super::{Standing, ask, enabled_at_first_use, hosting_of, trial};
use crate::{catalog::Service, config::Config, mail::Outbox, secrets::Keys};

/// What a request shows of its sender.
#[derive(Clone, Debug)]
pub struct Contact {
    /// The account's token.
    pub token: AccountToken,
    /// The database, if the request names one.
    pub dbuuid: Option<Dbuuid>,
    /// Where it knocks.
    pub door: Door,
}

/// Who a request is from.
#[derive(Clone, Debug)]
pub struct Met {
    /// The account; none for a token that is disabled and was never used.
    pub account: Option<AccountRow>,
    /// The database that shows the token, else the account's home.
    pub database: Option<DatabaseRow>,
    /// What it may do.
    pub standing: Standing,
}

/// Why nobody was met.
#[derive(Debug, thiserror::Error)]
pub enum ContactError {
    /// An account may not be opened here.
    #[error("{message}")]
    Refused {
        /// Code of the contract.
        code: &'static str,
        /// One sentence with the remedy.
        message: String,
    },
    /// Storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Contact {
    /// Meets the sender: opens the account and records the database at first contact, and gives the
    /// trial when it is due.
    pub async fn meet(
        &self,
        store: &Store,
        keys: &Keys,
        config: &Config,
        service: &Service,
    ) -> Result<Met, ContactError> {
        let hashes = keys.account_token(self.token.as_str());
        let known = store.accounts().by_token(service.id, &hashes.mac).await?;
        if self.token.is_disabled() {
            return self.meet_disabled(store, known).await;
        }
        let shown = match &self.dbuuid {
            Some(dbuuid) => Some(self.database(store, config, service, known.is_some(), dbuuid).await?),
            None => None,
        };
        let elsewhere = match (&known, &shown) {
            (Some(account), Some(database)) if account.database != Some(database.id) => others(store, account).await?,
            _ => Vec::new(),
        };
        let state = known.as_ref().map(|account| KnownAccount { home: account.database, others: &elsewhere });
        let meeting = meet(state.as_ref(), shown.as_ref().map(|database| database.id));
        let (account, database) = match (meeting, known) {
            (Meeting::Open(_), _) | (_, None) => {
                (self.open(store, config, service, &hashes, shown.as_ref()).await?, shown)
            }
            (Meeting::Adopt(home), Some(account)) => {
                (adopt(store, config, service, account, home, hosting_of(shown.as_ref(), config)).await?, shown)
            }
            (Meeting::SeenElsewhere { database, recorded }, Some(account)) => {
                if !recorded {
                    store
                        .write(vec![store.accounts().seen_elsewhere(account.id, database, store.clock().now())])
                        .await?;
                }
                return Ok(Met { account: Some(account), database: shown, standing: seen_elsewhere() });
            }
            (Meeting::Refused(_), Some(account)) => {
                return Ok(Met { account: Some(account), database: shown, standing: refused_elsewhere() });
            }
            (Meeting::Home | Meeting::Shared(_), Some(account)) => {
                let database = match (shown, account.database) {
                    (Some(shown), _) => Some(shown),
                    (None, Some(home)) => store.databases().get(home).await?,
                    (None, None) => None,
                };
                (account, database)
            }
        };
        let standing = self.standing(keys, config, service, &account, database.as_ref());
        let account = match &standing {
            Standing::Active => trial::give_if_due(store, service, account, database.as_ref()).await?,
            Standing::Refused { .. } => account,
        };
        Ok(Met { account: Some(account), database, standing })
    }

    async fn meet_disabled(&self, store: &Store, account: Option<AccountRow>) -> Result<Met, ContactError> {
        let message =
            "this is a neutralized copy of a database: its tokens are disabled, so nothing is done and nothing charged";
        let database = match account.as_ref().and_then(|account| account.database) {
            Some(home) => store.databases().get(home).await?,
            None => None,
        };
        Ok(Met { account, database, standing: Standing::refused("account-disabled", message) })
    }

    /// The database that the request names; recorded if it is new, unless the door is closed to it.
    async fn database(
        &self,
        store: &Store,
        config: &Config,
        service: &Service,
        account_exists: bool,
        dbuuid: &Dbuuid,
    ) -> Result<DatabaseRow, ContactError> {
        let databases = store.databases();
        if let Some(row) = databases.by_dbuuid(dbuuid.as_str()).await? {
            return Ok(row);
        }
        if !account_exists {
            refuse_if_closed(service, config.first_contact_hosting)?;
        }
        let (id, at) = (store.ids().database(), store.clock().now());
        store.write(vec![databases.seen(id, dbuuid.as_str(), config.first_contact_hosting.as_str(), at)]).await?;
        let missing = || StoreError::Engine("a database that was just recorded is missing".to_owned());
        Ok(databases.by_dbuuid(dbuuid.as_str()).await?.ok_or_else(missing)?)
    }

    async fn open(
        &self,
        store: &Store,
        config: &Config,
        service: &Service,
        hashes: &crate::secrets::TokenHashes,
        database: Option<&DatabaseRow>,
    ) -> Result<AccountRow, ContactError> {
        let hosting = hosting_of(database, config);
        refuse_if_closed(service, hosting)?;
        let accounts = store.accounts();
        let id = store.ids().account();
        let new = NewAccount {
            id,
            service: service.id,
            database: database.map(|row| row.id),
            token_mac: hashes.mac.clone(),
            token_sha1: hashes.sha1.clone(),
            companies: None,
            suspended: None,
            at: store.clock().now(),
        };
        let mut statements = accounts.open(new);
        if !enabled_at_first_use(service, hosting, config) {
            statements.push(accounts.configure(id, false, "^current"));
        }
        match store.write(statements).await {
            // Somebody else has just opened it with the same token: that one is it.
            Err(error) if error.is_conflict_on("account.token_mac") => {}
            done => drop(done?),
        }
        let missing = || StoreError::Engine("an account that was just opened is missing".to_owned());
        Ok(accounts.by_token(service.id, &hashes.mac).await?.ok_or_else(missing)?)
    }

    fn standing(
        &self,
        keys: &Keys,
        config: &Config,
        service: &Service,
        account: &AccountRow,
        database: Option<&DatabaseRow>,
    ) -> Standing {
        match ask(self.door, service, hosting_of(database, config), Some(account)) {
            Standing::Active if !account.enabled => Standing::refused(
                "consent-needed",
                format!(
                    "an admin of the database has not enabled {} yet; see what it may do and enable it at {}/iap/1/credit?service_name={}&account_token={}&hashed=1",
                    service.title,
                    config.public_url.as_deref().unwrap_or_default(),
                    service.name,
                    keys.account_token(self.token.as_str()).sha1
                ),
            ),
            standing => standing,
        }
    }
}

fn refuse_if_closed(service: &Service, hosting: Hosting) -> Result<(), ContactError> {
    match ask(Door::AccountCreation, service, hosting, None) {
        Standing::Active => Ok(()),
        Standing::Refused { code, message } => Err(ContactError::Refused { code, message }),
    }
}

async fn others(store: &Store, account: &AccountRow) -> Result<Vec<(DatabaseId, Decision)>, StoreError> {
    let rows = store.accounts().elsewhere(account.id).await?;
    let decision = |word: &str| match word {
        "shared" => Decision::Share,
        "refused" => Decision::Refuse,
        _ => Decision::Undecided,
    };
    Ok(rows.into_iter().map(|(database, word)| (database, decision(&word))).collect())
}

/// Gives an account without home its first database; one where it may not be used suspends it.
async fn adopt(
    store: &Store,
    config: &Config,
    service: &Service,
    account: AccountRow,
    home: DatabaseId,
    hosting: Hosting,
) -> Result<AccountRow, ContactError> {
    store.write(vec![store.accounts().adopt(account.id, home)]).await?;
    let outbox = Outbox::new(store, config.public_url.as_deref().unwrap_or_default());
    super::hosting::settle_suspension(outbox, service, &account, hosting).await?;
    let missing = || StoreError::Engine("an account has vanished".to_owned());
    Ok(store.accounts().get(account.id).await?.ok_or_else(missing)?)
}

fn seen_elsewhere() -> Standing {
    Standing::refused(
        "seen-elsewhere",
        "this account's token is at home in another database; an admin there (or the operator) must choose share, move or refuse before it can be used here",
    )
}

fn refused_elsewhere() -> Standing {
    Standing::refused(
        "seen-elsewhere",
        "this account belongs to another database, whose admin has refused its use here; use an account of your own",
    )
}
