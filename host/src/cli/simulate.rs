//! `iap simulate`: the outside world, as processes of their own.

use std::{net::SocketAddr, process::ExitCode};

use anyhow::Context;
use iap_providers::{
    card::{self, CardOptions},
    carrier::{self, CarrierOptions},
    mail::{self, MailOptions},
    print::{self, PrintOptions},
    rates, vat,
};
use tokio::net::TcpListener;
use url::Url;

/// Play a provider of the outside world.
#[derive(clap::Subcommand)]
pub enum Simulate {
    /// An SMS carrier that speaks Twilio's Messages API; its front page lists the numbers that fail.
    Carrier {
        /// Address to listen on.
        #[arg(long, default_value = "127.0.0.1:8071", value_name = "ADDRESS")]
        listen: SocketAddr,
        /// Account SID that callers must use.
        #[arg(long, default_value_t = CarrierOptions::default().account_sid, value_name = "SID")]
        account_sid: String,
        /// Auth token that callers must use; it also signs status callbacks.
        #[arg(long, default_value_t = CarrierOptions::default().auth_token, value_name = "TOKEN")]
        auth_token: String,
    },
    /// A card processor that speaks Stripe's Checkout API, with its payment page.
    Card {
        /// Address to listen on.
        #[arg(long, default_value = "127.0.0.1:8072", value_name = "ADDRESS")]
        listen: SocketAddr,
        /// Secret key that callers must use.
        #[arg(long, default_value_t = CardOptions::default().secret_key, value_name = "KEY")]
        secret_key: String,
        /// Secret that signs webhooks.
        #[arg(long, default_value_t = CardOptions::default().webhook_secret, value_name = "SECRET")]
        webhook_secret: String,
        /// Where to send webhooks, as http://127.0.0.1:8070/payments/stripe/webhook.
        #[arg(long, value_name = "URL")]
        webhook_url: Option<Url>,
    },
    /// A mail server that takes mail by SMTP and keeps it; its front page shows what came.
    Mail {
        /// Address of its pages.
        #[arg(long, default_value = "127.0.0.1:8074", value_name = "ADDRESS")]
        listen: SocketAddr,
        /// Address at which it takes mail; `GET /address` tells it.
        #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDRESS")]
        smtp: SocketAddr,
        /// User that senders must be.
        #[arg(long, default_value_t = MailOptions::default().user, value_name = "NAME")]
        user: String,
        /// Password of the user.
        #[arg(long, default_value_t = MailOptions::default().password, value_name = "PASSWORD")]
        password: String,
    },
    /// A printer of letters that speaks Pingen's API; its front page shows what it would post.
    Print {
        /// Address to listen on.
        #[arg(long, default_value = "127.0.0.1:8073", value_name = "ADDRESS")]
        listen: SocketAddr,
        /// Client ID that callers must use.
        #[arg(long, default_value_t = PrintOptions::default().client_id, value_name = "ID")]
        client_id: String,
        /// Client secret that callers must use.
        #[arg(long, default_value_t = PrintOptions::default().client_secret, value_name = "SECRET")]
        client_secret: String,
        /// Organisation that callers must name.
        #[arg(long, default_value_t = PrintOptions::default().organisation, value_name = "UUID")]
        organisation: String,
        /// Secret that signs webhooks.
        #[arg(long, default_value_t = PrintOptions::default().webhook_secret, value_name = "SECRET")]
        webhook_secret: String,
        /// Where to send webhooks, as http://127.0.0.1:8070/hooks/snailmail/status.
        #[arg(long, value_name = "URL")]
        webhook_url: Option<Url>,
    },
    /// A register of VAT numbers that speaks VIES's REST API; it knows all numbers that do not end in 0.
    Vat {
        /// Address to listen on.
        #[arg(long, default_value = "127.0.0.1:8075", value_name = "ADDRESS")]
        listen: SocketAddr,
    },
    /// A central bank that publishes exchange rates as the European Central Bank does.
    Rates {
        /// Address to listen on.
        #[arg(long, default_value = "127.0.0.1:8076", value_name = "ADDRESS")]
        listen: SocketAddr,
    },
}

impl Simulate {
    #[expect(clippy::print_stdout, reason = "whoever starts it reads the address")]
    pub fn run(self) -> anyhow::Result<ExitCode> {
        super::log("info");
        super::runtime()?.block_on(async {
            let bind = async |address: SocketAddr| -> anyhow::Result<TcpListener> {
                let listener =
                    TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))?;
                println!("listening on http://{}", listener.local_addr()?);
                Ok(listener)
            };
            match self {
                Self::Carrier { listen, account_sid, auth_token } => {
                    let options = CarrierOptions { account_sid, auth_token, ..CarrierOptions::default() };
                    carrier::serve(bind(listen).await?, options, super::stop_signal()).await?;
                }
                Self::Card { listen, secret_key, webhook_secret, webhook_url } => {
                    let options = CardOptions { secret_key, webhook_secret, webhook_url, ..CardOptions::default() };
                    card::serve(bind(listen).await?, options, super::stop_signal()).await?;
                }
                Self::Mail { listen, smtp, user, password } => {
                    let options = MailOptions { user, password, ..MailOptions::default() };
                    let taking = TcpListener::bind(smtp).await.with_context(|| format!("cannot listen on {smtp}"))?;
                    mail::serve(bind(listen).await?, taking, options, super::stop_signal()).await?;
                }
                Self::Print { listen, client_id, client_secret, organisation, webhook_secret, webhook_url } => {
                    let webhook_url = webhook_url.map(String::from);
                    let options = PrintOptions {
                        client_id,
                        client_secret,
                        organisation,
                        webhook_secret,
                        webhook_url,
                        ..PrintOptions::default()
                    };
                    print::serve(bind(listen).await?, options, super::stop_signal()).await?;
                }
                Self::Vat { listen } => vat::serve(bind(listen).await?, super::stop_signal()).await?,
                Self::Rates { listen } => rates::serve(bind(listen).await?, super::stop_signal()).await?,
            }
            Ok(ExitCode::SUCCESS)
        })
    }
}
