//! Text files of releases, as they are stored.

use iap_core::release::ReleaseFiles;
use iap_store::Store;

/// The text files of a release; none of a release that is not stored.
pub async fn files_of(store: &Store, release: i64) -> anyhow::Result<ReleaseFiles> {
    let text = store.releases().files(release).await?.unwrap_or_default();
    Ok(if text.is_empty() { ReleaseFiles::default() } else { ReleaseFiles::from_section(text.as_bytes())? })
}
