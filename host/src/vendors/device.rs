//! Logins of programs (RFC 8628): the program waits, its user says yes in a browser.

use iap_core::Time;
use iap_store::{
    StoreError,
    repositories::{DeviceLoginRow, DeviceLogins, DeviceState, MemberRow},
};

use super::{
    Scope, VendorError, commit, dev, profile,
    tokens::{self, Issued},
};
use crate::{
    app::App,
    secrets::{bearer_hash, random_hex},
};

/// Seconds that a program waits at most.
pub const LIFETIME: i64 = 10 * 60;
/// Seconds between two questions of a program.
pub const INTERVAL: i64 = 5;
/// Logins that wait for one network.
const PER_NETWORK: i64 = 20;
/// Logins that wait in all: so few of all codes are open that nobody guesses one.
const IN_ALL: i64 = 2000;
/// Letters of a user code: no vowels, so no words.
const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";

/// A program that begins to wait.
#[derive(Clone, Debug)]
pub struct Begun {
    /// What the program holds.
    pub device_code: String,
    /// What its user types: `BCDF-GHJK`.
    pub user_code: String,
}

/// Why a program has no token.
#[derive(Clone, Debug)]
pub enum Pending {
    /// Nobody has decided; ask again.
    Waiting,
    /// It asked too soon.
    SlowDown,
    /// A member said no.
    Denied,
    /// It is over: too late, unknown, or the token was taken.
    Over,
}

/// A token for a program.
#[derive(Clone, Debug)]
pub struct Granted {
    /// The token.
    pub issued: Issued,
    /// Who said yes.
    pub member: MemberRow,
}

/// A program asks for a token. `at_once` (`iap serve --dev`): the owner of `dev` has said yes already.
pub async fn begin(
    app: &App,
    client: &str,
    scopes: &[Scope],
    origin: &str,
    at_once: bool,
) -> Result<Begun, VendorError> {
    let client = profile::line("client", client)?;
    if scopes.is_empty() {
        return Err(VendorError::invalid("scopes", "name at least one"));
    }
    let member = if at_once { Some(dev::member(app).await?) } else { None };
    let now = app.store.clock().now();
    let (of_network, in_all) = app.store.device_logins().open(origin, now).await?;
    if !at_once && (PER_NETWORK <= of_network || IN_ALL <= in_all) {
        return Err(VendorError::TooMany(
            "too many logins wait here; finish one, or try again in ten minutes".to_owned(),
        ));
    }
    let mut scopes = scopes.to_vec();
    scopes.sort_unstable();
    scopes.dedup();
    // Two programs hardly ever get the same code; then one of them gets another.
    for _ in 0..5 {
        let device_code = random_hex::<32>();
        let row = DeviceLoginRow {
            device_hash: bearer_hash(&device_code),
            user_code: random_code(),
            client: client.clone(),
            scopes: tokens::stored(&scopes),
            state: if member.is_some() { DeviceState::Approved } else { DeviceState::Waiting },
            member: member.as_ref().map(|member| member.id),
            // The first question may come at once.
            asked_at: now.plus_seconds(-INTERVAL),
            expires_at: now.plus_seconds(LIFETIME),
        };
        match app.store.write(vec![DeviceLogins::add(&row, origin, now)]).await {
            Err(error) if error.is_conflict_on("user_code") => {}
            done => {
                done?;
                return Ok(Begun { device_code, user_code: row.user_code });
            }
        }
    }
    Err(VendorError::Store(StoreError::Engine("no user code is free".to_owned())))
}

/// A program asks whether its user has decided.
pub async fn ask(app: &App, device_code: &str) -> Result<Result<Granted, Pending>, VendorError> {
    let (hash, now) = (bearer_hash(device_code), app.store.clock().now());
    let Some(row) = app.store.device_logins().get(&hash).await?.filter(|row| now < row.expires_at) else {
        return Ok(Err(Pending::Over));
    };
    match row.state {
        DeviceState::Refused => Ok(Err(Pending::Denied)),
        DeviceState::Taken => Ok(Err(Pending::Over)),
        DeviceState::Waiting => {
            app.store.write(vec![DeviceLogins::asked(&hash, now)]).await?;
            Ok(Err(pace(row.asked_at, now)))
        }
        DeviceState::Approved => take(app, &row).await,
    }
}

fn pace(asked_at: Time, now: Time) -> Pending {
    if now < asked_at.plus_seconds(INTERVAL) { Pending::SlowDown } else { Pending::Waiting }
}

async fn take(app: &App, row: &DeviceLoginRow) -> Result<Result<Granted, Pending>, VendorError> {
    let member = match row.member {
        Some(id) => app.store.members().get(id).await?,
        None => None,
    };
    // Removed meanwhile.
    let Some(member) = member else { return Ok(Err(Pending::Denied)) };
    let until = app.store.clock().now().plus_seconds(tokens::DAYS * tokens::DAY);
    let (issued, record) = tokens::make(app, &member, &row.client, &tokens::read(&row.scopes), until);
    match app.store.write(vec![DeviceLogins::take(&row.device_hash), record]).await {
        // It was asked twice at the same moment.
        Err(StoreError::Conflict(_)) => return Ok(Err(Pending::Over)),
        done => drop(done?),
    }
    tracing::info!(vendor = member.vendor, email = member.email, client = row.client, "A program is signed in");
    Ok(Ok(Granted { issued, member }))
}

/// The program that waits with a code, as a person types it.
pub async fn find(app: &App, typed: &str) -> Result<Option<DeviceLoginRow>, VendorError> {
    let Some(code) = read_code(typed) else { return Ok(None) };
    Ok(app.store.device_logins().waiting(&code, app.store.clock().now()).await?)
}

/// A member decides.
pub async fn decide(app: &App, row: &DeviceLoginRow, member: &MemberRow, yes: bool) -> Result<(), VendorError> {
    let now = app.store.clock().now();
    let statement = if yes {
        let mut scopes = tokens::read(&row.scopes);
        scopes.retain(|scope| scope.fits(&member.role));
        if scopes.is_empty() {
            let why = format!("nothing of what {:?} asks for is a matter of the role {:?}", row.client, member.role);
            return Err(VendorError::Forbidden(why));
        }
        tokens::check_room(app, &member.vendor).await?;
        DeviceLogins::approve(&row.device_hash, member.id, &tokens::stored(&scopes), now)
    } else {
        DeviceLogins::refuse(&row.device_hash, now)
    };
    let over = || VendorError::WrongState("it is over: decided before, or too late; begin the login again".to_owned());
    commit(app, vec![statement], over).await?;
    tracing::info!(vendor = member.vendor, email = member.email, client = row.client, yes, "A login is decided");
    Ok(())
}

/// A code as it is stored, from what a person types.
fn read_code(typed: &str) -> Option<String> {
    let letters: String = typed.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_uppercase();
    let fits = letters.len() == 8 && letters.bytes().all(|letter| LETTERS.contains(&letter));
    fits.then(|| format!("{}-{}", &letters[..4], &letters[4..]))
}

fn random_code() -> String {
    let mut letters = String::with_capacity(9);
    while letters.len() < 9 {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).expect("the system gives random bytes");
        // Bytes beyond the last whole round of letters would make some likelier.
        for byte in bytes.into_iter().filter(|byte| *byte < 240).take(9 - letters.len()) {
            if letters.len() == 4 {
                letters.push('-');
            }
            if letters.len() < 9 {
                letters.push(char::from(LETTERS[usize::from(byte) % LETTERS.len()]));
            }
        }
    }
    letters
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_eight_letters_without_vowels_and_are_read_as_people_type_them() {
        for _ in 0..200 {
            let code = random_code();
            assert_eq!((code.len(), &code[4..5]), (9, "-"), "{code}");
            assert_eq!(read_code(&code).as_deref(), Some(code.as_str()));
            assert_eq!(read_code(&code.to_lowercase().replace('-', " ")), Some(code));
        }
        for wrong in ["", "BCDF", "BCDF-GHJA", "BCDF-GHJKL", "BCDF-GHJ1"] {
            assert_eq!(read_code(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_program_waits_between_two_questions() {
        let asked = Time(1_000_000);
        assert!(matches!(pace(asked, asked.plus_millis(4999)), Pending::SlowDown));
        assert!(matches!(pace(asked, asked.plus_seconds(INTERVAL)), Pending::Waiting));
    }
}
