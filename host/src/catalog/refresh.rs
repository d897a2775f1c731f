//! Takes in what was published: all services, as their stored releases and revisions say.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError},
};

use iap_core::{
    Time,
    ids::ServiceId,
    manifest::{Manifest, Operation, Pack},
    publishing::{Candidate, ReleaseState, protected::PROTECTED},
    release::ReleaseFiles,
};
use iap_store::{
    StoreError,
    repositories::{ReleaseRow, RevisionRow, ServiceRow},
};

use super::{
    Catalog,
    edits::{PackEdit, PriceEdit, Texts},
    files::files_of,
    lines::Line,
    packs::packs_of,
    service::{Code, Release, Risen, Service, Status},
};
use crate::app::App;

/// Reads all services anew. Returns when something changes by time alone, if so.
pub async fn refresh(app: &App) -> anyhow::Result<Option<Time>> {
    let _alone = app.catalog.reading.lock().await;
    let now = app.store.clock().now();
    let mut of_service: HashMap<ServiceId, Vec<ReleaseRow>> = HashMap::new();
    for row in app.store.releases().decided().await? {
        of_service.entry(row.service).or_default().push(row);
    }
    let mut revisions: HashMap<ServiceId, Vec<RevisionRow>> = HashMap::new();
    let mut next = None;
    for row in app.store.revisions().that_count(now).await? {
        if now < row.effective_at {
            next = Some(next.map_or(row.effective_at, |next: Time| next.min(row.effective_at)));
        }
        revisions.entry(row.service).or_default().push(row);
    }
    let embedded = app.catalog.embedded.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let mut lines = HashMap::new();
    for row in app.store.services().all().await? {
        let name = row.name.clone();
        let releases = of_service.remove(&row.id).unwrap_or_default();
        let revisions = revisions.remove(&row.id).unwrap_or_default();
        let status = Status::of(&row);
        let line = match row.kind.as_str() {
            "remote" => Service::remote(row).map(|service| Some(Line::of(service))),
            _ => line(app, row, embedded.get(&name), releases, &revisions, now).await,
        };
        match line {
            Ok(line) => lines.extend(line.map(|line| (name, Arc::new(line)))),
            // It may be there in a moment.
            Err(error) if error.is::<StoreError>() => return Err(error),
            // What concerns one service must not keep changes of others from counting.
            Err(error) => match app.catalog.line(&name) {
                Some(before) => {
                    tracing::error!(
                        service = name,
                        error = format!("{error:#}"),
                        "A service cannot be read anew; it serves as before"
                    );
                    lines.insert(name, Arc::new(before.with_status(&status)));
                }
                None => tracing::error!(
                    service = name,
                    error = format!("{error:#}"),
                    "A service cannot be read; it does not serve"
                ),
            },
        }
    }
    app.catalog.replace(lines);
    Ok(next)
}

async fn line(
    app: &App,
    row: ServiceRow,
    embedded: Option<&Line>,
    releases: Vec<ReleaseRow>,
    revisions: &[RevisionRow],
    now: Time,
) -> anyhow::Result<Option<Line>> {
    let mut candidates: Vec<Candidate> = Vec::new();
    let mut faces = HashMap::new();
    if let Some(line) = embedded {
        for (id, face) in &line.faces {
            let Some(release) = &face.release else { continue };
            let service = face_of(app, &row, *id, &release.code, revisions, now, None)?;
            faces.insert(*id, Arc::new(service));
        }
        candidates.extend(line.candidates.iter().cloned());
    }
    for stored in releases {
        let Ok(state) = stored.state.parse::<ReleaseState>() else { continue };
        // Files are large and do not change: they are read once, or where price tables were edited.
        let known = app.catalog.known(stored.id);
        let files = if known.is_none() || revisions.iter().any(|revision| revision.kind == "prices") {
            Some(files_of(&app.store, stored.id).await?)
        } else {
            None
        };
        let code = match (known, &files) {
            (Some(code), _) => Ok(code),
            (None, Some(files)) => code(&app.catalog, stored.id, &stored.digest, files),
            (None, None) => continue,
        };
        let code = match code {
            Ok(code) => code,
            Err(error) => {
                tracing::error!(service = row.name, version = stored.version, %error, "A published release cannot be read; it does not serve");
                continue;
            }
        };
        let service = face_of(app, &row, stored.id, &code, revisions, now, files.as_ref())?;
        candidates.push(Candidate {
            id: stored.id,
            version: code.manifest.service.version.clone(),
            state,
            rollout: u8::try_from(stored.rollout).unwrap_or(100),
        });
        faces.insert(stored.id, Arc::new(service));
    }
    inherit_rises(&candidates, &mut faces);
    let best = |wanted: &dyn Fn(&Candidate) -> bool| {
        candidates
            .iter()
            .filter(|candidate| wanted(candidate))
            .max_by(|a, b| a.version.cmp(&b.version).then(a.id.cmp(&b.id)))
    };
    let serves = best(&|candidate| candidate.is_for_all())
        .or_else(|| best(&|candidate| candidate.state == ReleaseState::Approved));
    let usual = match serves {
        Some(candidate) => faces.get(&candidate.id).cloned(),
        // It is known, with its accounts and credits, but nothing may serve those who asked for no release in particular.
        None => best(&|_| true).and_then(|last| faces.get(&last.id)).map(|face| face.withdrawn()),
    };
    Ok(usual.map(|usual| Line { usual, candidates, faces }))
}

/// What was bought before a rise keeps its price, whichever release of the major version came since.
fn inherit_rises(candidates: &[Candidate], faces: &mut HashMap<i64, Arc<Service>>) {
    let risen = |id: i64, faces: &HashMap<i64, Arc<Service>>| {
        faces.get(&id).and_then(|face| face.release.as_ref()).map_or_else(Vec::new, |release| release.risen.clone())
    };
    let all: Vec<(&Candidate, Vec<Risen>)> = candidates.iter().map(|one| (one, risen(one.id, faces))).collect();
    for (one, own) in &all {
        let earlier = all.iter().filter(|(other, _)| {
            other.version.major == one.version.major && other.version.cmp_precedence(&one.version).is_lt()
        });
        let mut rises = own.clone();
        for rise in earlier.flat_map(|(_, rises)| rises) {
            if rises.iter().all(|known| known.at != rise.at) {
                rises.push(rise.clone());
            }
        }
        if rises.len() == own.len() {
            continue;
        }
        rises.sort_by_key(|rise| rise.at);
        if let Some(face) = faces.get_mut(&one.id)
            && let Some(release) = &mut Arc::make_mut(face).release
        {
            release.risen = rises;
        }
    }
}

/// Code of a published release: the same as long as this host runs, so that it is loaded once.
fn code(catalog: &Catalog, id: i64, digest: &str, files: &ReleaseFiles) -> anyhow::Result<Arc<Code>> {
    Ok(catalog.keep(id, Arc::new(stored(digest, files)?)))
}

fn stored(digest: &str, files: &ReleaseFiles) -> anyhow::Result<Code> {
    let manifest = Manifest::parse(files).map_err(|errors| anyhow::anyhow!("{errors}"))?;
    Ok(Code::stored(digest.to_owned(), Arc::new(manifest)))
}

/// Loads the code of a release that is to serve, so that no call waits for that. What is there when a host starts is loaded
/// when it is called.
pub async fn warm(app: &App, release: &ReleaseRow) {
    if app.catalog.known(release.id).is_some() {
        return;
    }
    let loaded = async {
        let code = stored(&release.digest, &files_of(&app.store, release.id).await?)?;
        code.plugin(app).await?;
        anyhow::Ok(Arc::new(code))
    };
    match loaded.await {
        Ok(code) => drop(app.catalog.keep(release.id, code)),
        Err(error) => {
            tracing::error!(
                version = release.version,
                error = format!("{error:#}"),
                "A release that came cannot be loaded"
            );
        }
    }
}

/// A service as one of its releases serves it, with what was edited since.
fn face_of(
    app: &App,
    row: &ServiceRow,
    id: i64,
    code: &Arc<Code>,
    revisions: &[RevisionRow],
    now: Time,
    files: Option<&ReleaseFiles>,
) -> anyhow::Result<Service> {
    let declared = &code.manifest.service;
    let last = |kind: &str| {
        revisions.iter().rfind(|row| row.kind == kind && row.effective_at <= now).map(|row| row.value.as_str())
    };
    let texts: Texts = last("texts").map(serde_json::from_str).transpose()?.unwrap_or_default();
    let packs = match packs(revisions, declared.version.major, now)? {
        Some(packs) => packs,
        None => code.manifest.packs.clone(),
    };
    let (manifest, risen) = match files {
        Some(files) => prices(code, files, revisions, now)?,
        None => (Arc::clone(&code.manifest), Vec::new()),
    };
    Ok(Service {
        id: row.id,
        name: row.name.clone(),
        title: texts.title.unwrap_or_else(|| declared.title.clone()),
        summary: texts.summary.unwrap_or_else(|| declared.summary.clone()),
        category: texts.category.unwrap_or_else(|| declared.category.clone()),
        vendor: row.vendor.clone(),
        vendor_kind: app
            .config
            .vendors
            .get(&row.vendor)
            .map_or_else(|| row.vendor_kind.parse(), |vendor| Ok(vendor.kind))?,
        unit: declared.unit.clone(),
        packs,
        release: Some(Release { id, digest: code.digest.clone(), manifest, risen, code: Arc::clone(code) }),
        status: Status::of(row),
    })
}

/// The packs of a major version that were edited last.
fn packs(revisions: &[RevisionRow], major: u64, now: Time) -> anyhow::Result<Option<Vec<Pack>>> {
    let mut last = None;
    for row in revisions.iter().filter(|row| row.kind == "packs" && row.effective_at <= now) {
        let edit: PackEdit = serde_json::from_str(&row.value)?;
        if edit.major == major {
            last = Some(edit.packs);
        }
    }
    last.map(packs_of).transpose()
}

/// What a release declares with the price tables that count now, and before each rise of which lots are still protected.
fn prices(
    code: &Code,
    files: &ReleaseFiles,
    revisions: &[RevisionRow],
    now: Time,
) -> anyhow::Result<(Arc<Manifest>, Vec<Risen>)> {
    let (mut manifest, mut risen) = (Arc::clone(&code.manifest), Vec::new());
    let mut files = files.clone();
    for (at, edit) in PriceEdit::of(&code.manifest, revisions)?.into_iter().filter(|(at, _)| *at <= now) {
        files = edit.on(files, &code.manifest)?;
        if edit.rises && now < at.plus_seconds(PROTECTED) {
            risen.push(Risen { at, operations: Arc::new(Vec::<Operation>::clone(&manifest.operations)) });
        }
        manifest = Arc::new(Manifest::parse(&files).map_err(|errors| anyhow::anyhow!("{errors}"))?);
    }
    Ok((manifest, risen))
}
