//! What `iap login` keeps: a token for each host, readable by its owner only.

use std::{
    collections::BTreeMap,
    io::Write as _,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

/// The host that is meant where none is named: one on this machine.
pub const USUAL_HOST: &str = "http://127.0.0.1:8070";

/// A login at one host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Login {
    /// Bearer token, `iap_vn_…`.
    pub token: String,
    /// For whom.
    pub vendor: String,
    /// Who.
    pub email: String,
    /// What the token may be used for.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// Until when, RFC 3339.
    #[serde(default)]
    pub expires_at: Option<String>,
}

/// The folder of a developer's login and signing key.
#[derive(Clone, Debug)]
pub struct Home(PathBuf);

impl Home {
    /// `IAP_CONFIG_HOME`, else `iap` in the user's folder for settings.
    ///
    /// # Errors
    ///
    /// The user has no such folder.
    pub fn find() -> anyhow::Result<Self> {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let usual = || {
            set("XDG_CONFIG_HOME").or_else(|| Some(std::env::home_dir()?.join(".config"))).map(|dir| dir.join("iap"))
        };
        set("IAP_CONFIG_HOME").or_else(usual).map(Self).context(
            "there is no home folder for logins and the signing key; set IAP_CONFIG_HOME to a folder of your own",
        )
    }

    /// A folder as it is.
    pub fn at(folder: &Path) -> Self {
        Self(folder.to_owned())
    }

    /// A file in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// All logins, by host.
    ///
    /// # Errors
    ///
    /// The file is there and cannot be read.
    pub fn logins(&self) -> anyhow::Result<BTreeMap<String, Login>> {
        let path = self.file("login.json");
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
        };
        serde_json::from_str(&text)
            .with_context(|| format!("{} is not usable; delete it and run `iap login` again", path.display()))
    }

    /// Changes the logins.
    ///
    /// # Errors
    ///
    /// The file cannot be read or written.
    pub fn change(&self, change: impl FnOnce(&mut BTreeMap<String, Login>)) -> anyhow::Result<()> {
        let mut logins = self.logins()?;
        change(&mut logins);
        self.write("login.json", format!("{}\n", serde_json::to_string_pretty(&logins)?).as_bytes())
    }

    /// Writes a file that only its owner may read.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn write(&self, name: &str, bytes: &[u8]) -> anyhow::Result<()> {
        let path = self.file(name);
        let problem = || format!("cannot write {}", path.display());
        std::fs::create_dir_all(&self.0).with_context(problem)?;
        // A temporary file is its owner's alone from the start.
        let mut file = tempfile::NamedTempFile::new_in(&self.0).with_context(problem)?;
        file.write_all(bytes).and_then(|()| file.as_file().sync_all()).with_context(problem)?;
        file.persist(&path).map(drop).with_context(problem)
    }
}

/// A host's address as it is kept: without a slash at its end.
///
/// # Errors
///
/// It is no `http:` or `https:` address.
pub fn host(text: &str) -> Result<String, String> {
    let url = url::Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    match url {
        Some(url) if url.query().is_none() && url.fragment().is_none() => {
            Ok(url.as_str().trim_end_matches('/').to_owned())
        }
        _ => Err(format!("{text:?} is no address of a host; write one as \"https://iap.example.com\"")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(token: &str) -> Login {
        let (vendor, email) = ("acme".to_owned(), "ada@acme.example".to_owned());
        Login { token: token.to_owned(), vendor, email, scopes: vec!["publish".to_owned()], expires_at: None }
    }

    #[test]
    fn logins_are_kept_by_host_and_for_their_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(&folder.path().join("iap"));
        assert_eq!(home.logins().unwrap(), BTreeMap::new());
        home.change(|logins| drop(logins.insert("https://a".into(), login("one")))).unwrap();
        home.change(|logins| drop(logins.insert("https://b".into(), login("two")))).unwrap();
        home.change(|logins| drop(logins.remove("https://a"))).unwrap();
        assert_eq!(home.logins().unwrap(), BTreeMap::from([("https://b".to_owned(), login("two"))]));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = std::fs::metadata(home.file("login.json")).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        std::fs::write(home.file("login.json"), "{").unwrap();
        assert!(home.logins().unwrap_err().to_string().contains("run `iap login` again"));
    }

    #[test]
    fn hosts_are_addresses() {
        assert_eq!(host("https://iap.example.com/"), Ok("https://iap.example.com".to_owned()));
        assert_eq!(host("http://127.0.0.1:8070"), Ok("http://127.0.0.1:8070".to_owned()));
        for wrong in ["iap.example.com", "ftp://x", "https://x?y", ""] {
            assert!(host(wrong).is_err(), "{wrong}");
        }
    }
}
