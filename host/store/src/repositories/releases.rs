//! Published releases and their components.

use iap_core::{Time, ids::ServiceId};

use crate::{Row, Statement, Store, StoreError};

/// A release that came through the registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReleaseRow {
    /// Number for calls.
    pub id: i64,
    /// Its service.
    pub service: ServiceId,
    /// Semantic version.
    pub version: String,
    /// SHA-256 of the component in hexadecimal.
    pub digest: String,
    /// `submitted`, `approved`, `rejected`, `yanked` or `stopped`.
    pub state: String,
    /// Bytes of the component.
    pub size: i64,
    /// Percent of accounts that get it.
    pub rollout: i64,
    /// Who published it.
    pub author: String,
    /// When it came.
    pub created_at: Time,
    /// Since when it has this state.
    pub decided_at: Option<Time>,
    /// Why it has this state, where somebody said.
    pub reason: Option<String>,
}

/// What is stored of a release when it comes.
#[derive(Clone, Debug)]
pub struct NewRelease {
    /// Number for calls.
    pub id: i64,
    /// Its service.
    pub service: ServiceId,
    /// Semantic version.
    pub version: String,
    /// SHA-256 of the component in hexadecimal.
    pub digest: String,
    /// Its text files, as JSON.
    pub files: String,
    /// Bytes of the component.
    pub size: i64,
    /// The vendor's ed25519 key in hexadecimal; none where the operator publishes.
    pub public_key: Option<String>,
    /// The vendor's signature.
    pub signature: Option<Vec<u8>>,
    /// What was computed of it, as JSON.
    pub report: String,
    /// Who published it.
    pub author: String,
}

/// What proves where a release comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReleaseProof {
    /// The vendor's ed25519 key in hexadecimal.
    pub public_key: Option<String>,
    /// The vendor's signature.
    pub signature: Option<Vec<u8>>,
    /// The host's signature once it is approved.
    pub countersignature: Option<Vec<u8>>,
    /// What was computed of it when it came, as JSON.
    pub report: String,
}

/// See [`Store::releases`].
pub struct Releases<'a>(pub(super) &'a Store);

macro_rules! select {
    ($clause:literal) => {
        concat!(
            "SELECT id, service_id, version, digest, state, size, rollout, author, created_at, decided_at, reason FROM release WHERE source = 'published' ",
            $clause
        )
    };
}

fn read(row: &Row) -> Result<ReleaseRow, StoreError> {
    Ok(ReleaseRow {
        id: row.int(0)?,
        service: ServiceId(row.int(1)?),
        version: row.text(2)?,
        digest: row.text(3)?,
        state: row.text(4)?,
        size: row.opt_int(5)?.unwrap_or_default(),
        rollout: row.int(6)?,
        author: row.opt_text(7)?.unwrap_or_default(),
        created_at: Time(row.int(8)?),
        decided_at: row.opt_int(9)?.map(Time),
        reason: row.opt_text(10)?,
    })
}

impl Releases<'_> {
    /// Of a service, the newest first.
    pub async fn of_service(&self, service: ServiceId) -> Result<Vec<ReleaseRow>, StoreError> {
        let rows = self.0.read(select!("AND service_id = ?1 ORDER BY created_at DESC, id DESC"), vec![service.into()]);
        rows.await?.iter().map(read).collect()
    }

    /// One of them.
    pub async fn get(&self, service: ServiceId, version: &str) -> Result<Option<ReleaseRow>, StoreError> {
        let params = vec![service.into(), version.into()];
        let row = self.0.read_one(select!("AND service_id = ?1 AND version = ?2"), params).await?;
        row.map(|row| read(&row)).transpose()
    }

    /// All that were ever approved, of all services: those that may serve.
    pub async fn decided(&self) -> Result<Vec<ReleaseRow>, StoreError> {
        let rows = self
            .0
            .read(
                select!("AND state IN ('approved', 'yanked', 'stopped') AND countersignature IS NOT NULL ORDER BY id"),
                vec![],
            )
            .await?;
        rows.iter().map(read).collect()
    }

    /// All that were approved, or rolled out further, after a moment and serve still, of all services; and when that was.
    pub async fn grown_since(&self, since: Time) -> Result<Vec<(ReleaseRow, Time)>, StoreError> {
        let events = "SELECT release_id, max(at) FROM catalog_event WHERE kind IN ('approved', 'rollout') AND at > ?1 GROUP BY release_id";
        let mut grown = Vec::new();
        for row in self.0.read(events, vec![since.into()]).await? {
            let (Some(id), at) = (row.opt_int(0)?, Time(row.int(1)?)) else { continue };
            let found = self.0.read_one(select!("AND state = 'approved' AND id = ?1"), vec![id.into()]).await?;
            grown.extend(found.map(|row| read(&row)).transpose()?.map(|row| (row, at)));
        }
        Ok(grown)
    }

    /// Those that wait for the operator, the oldest first.
    pub async fn waiting(&self) -> Result<Vec<ReleaseRow>, StoreError> {
        self.0
            .read(select!("AND state = 'submitted' ORDER BY created_at, id"), vec![])
            .await?
            .iter()
            .map(read)
            .collect()
    }

    /// Text files of a release, as JSON.
    pub async fn files(&self, id: i64) -> Result<Option<String>, StoreError> {
        let row = self.0.read_one("SELECT files FROM release WHERE id = ?1", vec![id.into()]).await?;
        row.map(|row| Ok(row.opt_text(0)?.unwrap_or_default())).transpose()
    }

    /// Signatures and report of a release.
    pub async fn proof(&self, id: i64) -> Result<Option<ReleaseProof>, StoreError> {
        let sql = "SELECT public_key, signature, countersignature, report FROM release WHERE id = ?1";
        let row = self.0.read_one(sql, vec![id.into()]).await?;
        row.map(|row| {
            Ok(ReleaseProof {
                public_key: row.opt_text(0)?,
                signature: row.opt_bytes(1)?,
                countersignature: row.opt_bytes(2)?,
                report: row.opt_text(3)?.unwrap_or_default(),
            })
        })
        .transpose()
    }

    /// The component with a digest.
    pub async fn component(&self, digest: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let row = self.0.read_one("SELECT bytes FROM component WHERE digest = ?1", vec![digest.into()]).await?;
        row.map(|row| row.bytes(0).map_err(StoreError::from)).transpose()
    }

    /// Stores a release that came, with its component. A version that is taken is a conflict.
    pub fn submit(new: NewRelease, component: Vec<u8>, at: Time) -> Vec<Statement> {
        vec![
            Statement::new(
                "INSERT INTO component (digest, bytes, created_at) VALUES (?1, ?2, ?3) ON CONFLICT (digest) DO NOTHING",
                vec![new.digest.clone().into(), component.into(), at.into()],
            ),
            Statement::new(
                "INSERT INTO release (id, service_id, version, digest, created_at, source, state, files, size, public_key, signature, report, author)
                 VALUES (?1, ?2, ?3, ?4, ?5, 'published', 'submitted', ?6, ?7, ?8, ?9, ?10, ?11)",
                vec![
                    new.id.into(),
                    new.service.into(),
                    new.version.into(),
                    new.digest.into(),
                    at.into(),
                    new.files.into(),
                    new.size.into(),
                    new.public_key.into(),
                    new.signature.into(),
                    new.report.into(),
                    new.author.into(),
                ],
            ),
        ]
    }

    /// Changes the state of a release, if it still has the one that was looked at.
    pub fn decide(id: i64, from: &str, to: &str, reason: Option<&str>, at: Time) -> Statement {
        Statement::new(
            "UPDATE release SET state = ?3, decided_at = ?4, reason = ?5 WHERE id = ?1 AND state = ?2",
            vec![id.into(), from.into(), to.into(), at.into(), reason.into()],
        )
        .expecting(1)
    }

    /// Approves a release with the host's signature.
    pub fn approve(id: i64, countersignature: Vec<u8>, rollout: u8, at: Time) -> Statement {
        Statement::new(
            "UPDATE release SET state = 'approved', decided_at = ?2, reason = NULL, countersignature = ?3, rollout = ?4 WHERE id = ?1 AND state = 'submitted'",
            vec![id.into(), at.into(), countersignature.into(), i64::from(rollout).into()],
        )
        .expecting(1)
    }

    /// Changes how many accounts get a release that serves.
    pub fn roll_out(id: i64, percent: u8) -> Statement {
        Statement::new(
            "UPDATE release SET rollout = ?2 WHERE id = ?1 AND state = 'approved'",
            vec![id.into(), i64::from(percent).into()],
        )
        .expecting(1)
    }

    /// Accounts that never chose a major version stay in this one when a newer one serves all.
    pub fn settle_major(service: ServiceId, major: i64) -> Statement {
        Statement::new(
            "UPDATE account SET major = ?2 WHERE service_id = ?1 AND major IS NULL",
            vec![service.into(), major.into()],
        )
    }
}
