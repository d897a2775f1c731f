//! `iap demo`: a whole platform on one machine, and its story.

mod databases;
mod letter;
mod story;
mod transcript;
mod world;

use std::{net::SocketAddr, path::PathBuf, process::ExitCode};

use anyhow::Context;

pub use self::world::Stage;

use self::{transcript::Transcript, world::World};

/// Start a host with everything it needs and tell its story over real HTTP.
///
/// Starts a host, an SMS carrier, a card processor, a printer of letters and a mail server (simulators, processes of
/// their own), declares three databases and plays what real Odoo databases sent: credits are granted, spent, run out, are bought,
/// and spent again; a letter is posted. Then goes on serving, so that an Odoo database can be pointed at it.
#[derive(clap::Args)]
pub struct Demo {
    /// Stop after the story; the exit code tells whether all of it held.
    #[arg(long)]
    once: bool,
    /// Address to listen on [default: 127.0.0.1:8070; with --once, any free port].
    #[arg(long, env = "IAP_LISTEN", value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Folder of the database and keys [default: a new one, removed at the end].
    #[arg(long, env = "IAP_DATA_DIR", value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

impl Demo {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        super::log("warn");
        super::runtime()?.block_on(self.play())
    }

    async fn play(self) -> anyhow::Result<ExitCode> {
        let port = if self.once { 0 } else { 8070 };
        let listen = self.listen.unwrap_or(SocketAddr::from(([127, 0, 0, 1], port)));
        let temporary = match self.data_dir {
            Some(_) => None,
            None => Some(tempfile::tempdir().context("cannot make a temporary folder")?),
        };
        let data_dir =
            self.data_dir.clone().or_else(|| Some(temporary.as_ref()?.path().to_owned())).context("no data folder")?;
        let mut transcript = Transcript::new();
        transcript.title("IAP demo");
        let (world, stop) = World::start(listen, data_dir, |step| transcript.progress(step)).await?;
        let mut good = true;
        if world.is_new().await? {
            good = story::tell(&world, &mut transcript).await?;
        } else if self.once {
            anyhow::bail!(
                "{} has been used before, and its story is told; give a new folder with --data-dir",
                world.data_dir().display()
            );
        } else {
            transcript.say("This data folder has been used before: its story is told, so the host only serves.");
        }
        if !self.once {
            invite(&world, &mut transcript);
            super::stop_signal().await;
            transcript.say("Stopping.");
        }
        stop.stop().await?;
        Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

fn invite(world: &World, transcript: &mut Transcript) {
    let url = world.url();
    transcript.chapter("Your turn");
    transcript.say(&format!("The host serves at {url}. To use it from an Odoo database (13 to 19), set these system"));
    transcript.say("parameters (Settings > Technical > System Parameters), without a trailing slash:");
    for parameter in [
        "iap.endpoint",
        "sms.endpoint",
        "snailmail.endpoint",
        "iap.partner_autocomplete.endpoint",
        "reveal.endpoint",
        "enrich.endpoint",
    ] {
        transcript.say(&format!("    {parameter:<34} {url}"));
    }
    transcript.say("Send an SMS; its account opens at first contact, without credits. Give it some:");
    transcript
        .say(&format!("    curl -H 'Authorization: Bearer {}' {url}/v1/databases/DBUUID", world.operator_token()));
    transcript.say(&format!(
        "    curl -X POST -H 'Authorization: Bearer {}' -H 'Content-Type: application/json' \\",
        world.operator_token()
    ));
    transcript
        .say(&format!("         -d '{{\"credits\": \"10\", \"reason\": \"hello\"}}' {url}/v1/accounts/ACCOUNT/grants"));
    transcript.say(&format!("What the carrier received: {}   Cards: {}", world.carrier(), world.card()));
    transcript.say(&format!("What the printer received: {}   Mails: {}", world.printer(), world.mail()));
    transcript.say("Ctrl-C stops it.");
}
