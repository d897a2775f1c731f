//! The plugin under test, in the real sandbox.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use iap_core::{
    manifest::{ConfigType, Manifest, ManifestErrors},
    release::ReleaseFiles,
};
use iap_runtime::{EgressPolicy, Engine, EngineOptions, Plugin, PluginSpec, Secret, Settings, SizeClass, release};

use super::{
    providers::Providers,
    script::{ScriptError, Test},
};

/// Where hooks are, to a plugin under test.
pub(super) const HOOKS: &str = "https://iap.test/hooks";

/// Why a component cannot be tested or measured.
#[derive(Debug, thiserror::Error)]
pub enum ScriptedError {
    /// It is not what a release must be.
    #[error(transparent)]
    Release(#[from] release::ReleaseError),
    /// Its files are not readable.
    #[error(transparent)]
    Files(#[from] iap_core::release::ReleaseError),
    /// Its manifest is wrong.
    #[error("{0}")]
    Manifest(ManifestErrors),
    /// The sandbox does not start.
    #[error(transparent)]
    Setup(#[from] iap_runtime::SetupError),
    /// The sandbox does not take it.
    #[error(transparent)]
    Load(#[from] iap_runtime::LoadError),
    /// A value of the script cannot be used as a setting.
    #[error(transparent)]
    Settings(#[from] iap_runtime::SettingsError),
    /// A script is wrong.
    #[error(transparent)]
    Script(#[from] ScriptError),
    /// The providers' server does not start, or the folder of compiled code cannot be made.
    #[error("a test cannot begin: {0}")]
    Begin(#[from] std::io::Error),
}

/// Where the providers of a script are: this machine.
pub(super) const PROVIDERS: &str = "127.0.0.0/8";

/// A component, compiled and ready: each test gets a host and providers of its own.
pub struct Subject {
    pub(super) plugin: Arc<Plugin>,
    pub(super) manifest: Arc<Manifest>,
    files: ReleaseFiles,
    class: SizeClass,
    engine: Arc<Engine>,
    component: Vec<u8>,
    /// How long compiling took.
    pub(super) compiling: Duration,
    /// Goes with the subject.
    _cache: Option<tempfile::TempDir>,
}

impl Subject {
    /// Compiles a component in a sandbox that reaches this machine and nothing else beside the public internet.
    pub async fn load(component: Vec<u8>) -> Result<Self, ScriptedError> {
        let cache = tempfile::tempdir()?;
        let options = EngineOptions {
            cache_dir: Some(cache.path().to_owned()),
            egress: EgressPolicy::allowing([PROVIDERS.parse().expect("it is a network")]),
            ..EngineOptions::default()
        };
        Ok(Self { _cache: Some(cache), ..Self::load_with(component, options).await? })
    }

    /// The same with an engine of some kind, which must reach [`PROVIDERS`] and need not keep code. No file is opened.
    pub(super) async fn load_with(component: Vec<u8>, options: EngineOptions) -> Result<Self, ScriptedError> {
        let parts = release::read_release(&component)?;
        let files = ReleaseFiles::from_section(&parts.files)?;
        let manifest = Manifest::parse(&files).map_err(ScriptedError::Manifest)?;
        release::check_imports(&parts.imports, &manifest)?;
        let engine = Engine::new(options)?;
        let spec = PluginSpec { manifest: manifest.clone(), settings: Settings::default(), class: parts.class };
        let began = Instant::now();
        let plugin = engine.load(component.clone(), spec).await?;
        let (compiling, manifest) = (began.elapsed(), Arc::new(manifest));
        Ok(Self { plugin, manifest, files, class: parts.class, engine, component, compiling, _cache: None })
    }

    /// The manifest of the release.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// A schema of the release, which the manifest has checked to be JSON.
    pub(super) fn schema(&self, file: Option<&str>) -> Option<serde_json::Value> {
        serde_json::from_str(self.files.get(file?)?).ok()
    }

    /// The same plugin with half of the memory.
    pub(super) async fn halved(&self) -> Result<Arc<Plugin>, ScriptedError> {
        let mut manifest = Manifest::clone(&self.manifest);
        manifest.limits.memory /= 2;
        let spec = PluginSpec { manifest, settings: Settings::default(), class: self.class };
        Ok(self.engine.load(self.component.clone(), spec).await?)
    }

    /// What the script sets; what it does not has its default, or a made-up value where the plugin needs one.
    pub(super) fn settings(&self, test: &Test, providers: &Providers) -> Settings {
        let config = self.manifest.config.iter().filter_map(|value| {
            let set = test.config.get(&value.name).or(value.default.as_ref()).cloned();
            Some((value.name.clone(), set.or_else(|| value.required.then(|| made_up(&value.name, &value.ty)))?))
        });
        let secrets = self.manifest.secrets.iter().map(|secret| {
            let made_up = || made_up(&secret.name, &ConfigType::Text);
            let set = test.secrets.get(&secret.name).cloned().unwrap_or_else(made_up);
            (secret.name.clone(), Secret::new(set))
        });
        Settings {
            base_urls: providers.base_urls(&self.manifest),
            config: config.collect(),
            secrets: secrets.collect(),
            hook_base_url: Some(format!("{HOOKS}/{}", self.manifest.service.name)),
            ..Settings::default()
        }
    }
}

/// A value that a setting may have.
fn made_up(name: &str, ty: &ConfigType) -> String {
    match ty {
        ConfigType::Text => format!("test-{name}"),
        ConfigType::Boolean => "true".to_owned(),
        ConfigType::Url => format!("https://{}.test/", name.replace('_', "-")),
        ConfigType::Choice(choices) => choices.first().cloned().unwrap_or_default(),
        ConfigType::Number(range) | ConfigType::Integer(range) => {
            range.min.clone().or_else(|| range.max.clone()).unwrap_or_else(|| "1".to_owned())
        }
    }
}
