//! What vendors say of themselves, and whether they may publish.

use iap_core::Time;

use crate::{Row, Statement, Store, StoreError};

/// Where a vendor's sign-up stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VendorState {
    /// Its address is not confirmed.
    Unconfirmed,
    /// It waits for the operator.
    Waiting,
    /// It may publish.
    Approved,
    /// The operator said no.
    Refused,
}

impl VendorState {
    const ALL: [Self; 4] = [Self::Unconfirmed, Self::Waiting, Self::Approved, Self::Refused];

    /// Stored name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unconfirmed => "unconfirmed",
            Self::Waiting => "waiting",
            Self::Approved => "approved",
            Self::Refused => "refused",
        }
    }

    /// By its stored name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }
}

/// What a vendor says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// Shown name.
    pub title: String,
    /// Who it is in law; absent for one that the settings name.
    pub organisation: Option<String>,
    /// ISO 3166-1 alpha-2.
    pub country: Option<String>,
    /// With its country's prefix.
    pub vat_number: Option<String>,
    /// Where mails to the vendor go, in lower case.
    pub email: Option<String>,
    /// Which terms it accepted.
    pub terms_version: Option<String>,
}

/// A vendor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VendorRow {
    /// Its name in manifests.
    pub name: String,
    /// `first_party` or `third_party`.
    pub kind: String,
    /// Where its sign-up stands.
    pub state: VendorState,
    /// What it says of itself.
    pub profile: Profile,
    /// When it accepted the terms.
    pub terms_accepted_at: Option<Time>,
    /// Account that it is paid to.
    pub payout_iban: Option<String>,
    /// ISO 4217 code that it is paid in.
    pub payout_currency: Option<String>,
    /// Nothing is paid out before this.
    pub payouts_held_until: Option<Time>,
    /// When it came.
    pub created_at: Time,
}

/// See [`Store::vendor_profiles`].
pub struct VendorProfiles<'a>(pub(super) &'a Store);

macro_rules! select {
    ($clause:literal) => {
        concat!(
            "SELECT name, kind, state, title, organisation, country, vat_number, email, terms_version, terms_accepted_at, payout_iban, payout_currency, payouts_held_until, created_at FROM vendor ",
            $clause
        )
    };
}

fn read(row: &Row) -> Result<VendorRow, StoreError> {
    Ok(VendorRow {
        name: row.text(0)?,
        kind: row.text(1)?,
        state: row.parse(2, VendorState::from_name)?,
        profile: Profile {
            title: row.text(3)?,
            organisation: row.opt_text(4)?,
            country: row.opt_text(5)?,
            vat_number: row.opt_text(6)?,
            email: row.opt_text(7)?,
            terms_version: row.opt_text(8)?,
        },
        terms_accepted_at: row.opt_int(9)?.map(Time),
        payout_iban: row.opt_text(10)?,
        payout_currency: row.opt_text(11)?,
        payouts_held_until: row.opt_int(12)?.map(Time),
        created_at: Time(row.int(13)?),
    })
}

impl VendorProfiles<'_> {
    /// By name.
    pub async fn get(&self, vendor: &str) -> Result<Option<VendorRow>, StoreError> {
        self.0.read_one(select!("WHERE name = ?1"), vec![vendor.into()]).await?.map(|row| read(&row)).transpose()
    }

    /// A page by name, after one; only those in a state, if one is given.
    pub async fn page(
        &self,
        state: Option<VendorState>,
        after: &str,
        limit: i64,
    ) -> Result<Vec<VendorRow>, StoreError> {
        let state = state.map_or("", VendorState::as_str);
        let sql = select!("WHERE name > ?1 AND (?2 = '' OR state = ?2) ORDER BY name LIMIT ?3");
        let rows = self.0.read(sql, vec![after.into(), state.into(), limit.into()]).await?;
        rows.iter().map(read).collect()
    }

    /// A vendor signs up. Touches no row where the name is taken, but by a sign-up that was never confirmed: one with the
    /// same address, or one that began before `given_up`; nor where the name has services.
    pub fn sign_up(
        name: &str,
        kind: &str,
        profile: &Profile,
        state: VendorState,
        given_up: Time,
        at: Time,
    ) -> Statement {
        Statement::new(
            "INSERT INTO vendor (name, kind, state, title, organisation, country, vat_number, email, terms_version, terms_accepted_at, created_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?10)
             ON CONFLICT (name) DO UPDATE SET kind = excluded.kind, state = excluded.state, title = excluded.title, organisation = excluded.organisation, country = excluded.country,
                 vat_number = excluded.vat_number, email = excluded.email, terms_version = excluded.terms_version, terms_accepted_at = excluded.terms_accepted_at, created_at = excluded.created_at
             WHERE vendor.state = 'unconfirmed' AND (vendor.email = excluded.email OR vendor.created_at <= ?11) AND NOT EXISTS (SELECT 1 FROM service s WHERE s.vendor_name = vendor.name)",
            vec![
                name.into(),
                kind.into(),
                state.as_str().into(),
                profile.title.clone().into(),
                profile.organisation.clone().into(),
                profile.country.clone().into(),
                profile.vat_number.clone().into(),
                profile.email.clone().into(),
                profile.terms_version.clone().into(),
                at.into(),
                given_up.into(),
            ],
        )
        .expecting(1)
    }

    /// Records a vendor that needs no sign-up, if it is not there.
    pub fn known(name: &str, title: &str, kind: &str, at: Time) -> Statement {
        Statement::new(
            "INSERT INTO vendor (name, title, kind, created_at) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (name) DO NOTHING",
            vec![name.into(), title.into(), kind.into(), at.into()],
        )
    }

    /// Its sign-up goes from one state to another; touches no row if it is in another.
    pub fn step(vendor: &str, from: VendorState, to: VendorState) -> Statement {
        Statement::new(
            "UPDATE vendor SET state = ?3 WHERE name = ?1 AND state = ?2",
            vec![vendor.into(), from.as_str().into(), to.as_str().into()],
        )
        .expecting(1)
    }

    /// It says something else of itself.
    pub fn change(vendor: &str, profile: &Profile, terms_accepted_at: Option<Time>) -> Statement {
        Statement::new(
            "UPDATE vendor SET title = ?2, organisation = ?3, country = ?4, vat_number = ?5, email = ?6, terms_version = ?7, terms_accepted_at = ?8 WHERE name = ?1",
            vec![
                vendor.into(),
                profile.title.clone().into(),
                profile.organisation.clone().into(),
                profile.country.clone().into(),
                profile.vat_number.clone().into(),
                profile.email.clone().into(),
                profile.terms_version.clone().into(),
                terms_accepted_at.into(),
            ],
        )
        .expecting(1)
    }

    /// Where mails go, if nothing was said.
    pub fn first_email(vendor: &str, email: &str) -> Statement {
        Statement::new(
            "UPDATE vendor SET email = ?2 WHERE name = ?1 AND email IS NULL",
            vec![vendor.into(), email.into()],
        )
    }

    /// Where mails go, after the member with this address was removed: to the owner who has confirmed its address first. As
    /// after any such change, nothing is paid out before `held_until`. Touches no row where mails go elsewhere.
    pub fn email_of_another_owner(vendor: &str, removed: &str, held_until: Time) -> Statement {
        Statement::new(
            "UPDATE vendor SET payouts_held_until = ?3, email = (
                 SELECT o.email FROM vendor_member o WHERE o.vendor_name = ?1 AND o.email <> ?2 AND o.role = 'owner' AND o.confirmed_at IS NOT NULL
                 ORDER BY o.confirmed_at, o.id LIMIT 1)
             WHERE name = ?1 AND email = ?2 AND EXISTS (
                 SELECT 1 FROM vendor_member o WHERE o.vendor_name = ?1 AND o.email <> ?2 AND o.role = 'owner' AND o.confirmed_at IS NOT NULL)",
            vec![vendor.into(), removed.into(), held_until.into()],
        )
    }

    /// Where it is paid from now on.
    pub fn pay_to(vendor: &str, iban: &str, currency: &str) -> Statement {
        Statement::new(
            "UPDATE vendor SET payout_iban = ?2, payout_currency = ?3 WHERE name = ?1",
            vec![vendor.into(), iban.into(), currency.into()],
        )
        .expecting(1)
    }

    /// Nothing is paid out before a moment.
    pub fn hold_payouts(vendor: &str, until: Time) -> Statement {
        Statement::new("UPDATE vendor SET payouts_held_until = ?2 WHERE name = ?1", vec![vendor.into(), until.into()])
            .expecting(1)
    }

    /// A guard of a payout: payouts are not held. Touches no row if they are, and waits for who is about to hold them.
    pub fn not_held(vendor: &str, now: Time) -> Statement {
        Statement::new(
            "UPDATE vendor SET title = title WHERE name = ?1 AND (payouts_held_until IS NULL OR payouts_held_until <= ?2)",
            vec![vendor.into(), now.into()],
        )
        .expecting(1)
    }

    /// Has other commits that change the vendor's members wait for this one.
    pub fn lock(vendor: &str) -> Statement {
        Statement::new("UPDATE vendor SET title = title WHERE name = ?1", vec![vendor.into()]).expecting(1)
    }
}
