//! A letter that can be posted.

use iap_sdk::prelude::*;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    address,
    pdf::{self, Cover, Problem, Window},
    prices::{self, Job},
    provider::{Manner, Posting},
    records,
    wire::{Code, Document, Options, Pdf},
};

/// Largest document that the printer takes.
const MOST_BYTES: u64 = 8_000_000;

/// Bytes of one reading.
const PIECE: u32 = 4 << 20;

/// Longest address on a cover page, in bytes.
const MOST_ADDRESS: usize = 600;

/// A letter that can be posted, as this call or a job of it knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Letter {
    /// Its natural key.
    pub key: String,
    /// Where its document is.
    blob: String,
    /// Pages, with those that are added.
    pages: usize,
    country: String,
    colour: bool,
    duplex: bool,
    left: bool,
    /// What a cover page that is to be added says.
    cover: Option<String>,
    /// How it travels: kept, since the printer may refuse another wish under the same key.
    #[serde(default = "product")]
    product: String,
}

/// How letters travel that are handed over now.
fn product() -> String {
    config::get("delivery-product").filter(|product| !product.trim().is_empty()).unwrap_or_else(|| "cheap".into())
}

/// Why a letter cannot be posted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused(pub Code, pub String);

impl Refused {
    /// Whether it cannot be said what the letter was, since its document cannot be read.
    pub fn is_without_document(&self) -> bool {
        self.1 == GONE
    }
}

const GONE: &str = "The document is not here any more; send it again.";

fn format_error(reason: impl Into<String>) -> Refused {
    Refused(Code::FormatError, reason.into())
}

impl Letter {
    /// The letter that a database asks for.
    pub fn of(document: &Document, options: Options, key: &str) -> Result<Self, Refused> {
        let missing = address::missing(&document.address);
        if !missing.is_empty() {
            let reason = format!("The address lacks: {}.", missing.join(", "));
            return Err(Refused(Code::MissingRequiredFields, reason));
        }
        let country = address::country(&document.address).unwrap_or_default();
        if prices::letter(&country).is_none() {
            return Err(Refused(Code::NoPriceAvailable, "Letters to this country are not offered.".into()));
        }
        let Pdf::Blob { id, size, .. } = &document.pdf_bin else {
            return Err(format_error("There is no document, or it is not in base64."));
        };
        if *size > MOST_BYTES {
            return Err(format_error("The document is larger than 8 MB."));
        }
        let bytes = read(id).map_err(format_error)?;
        let opened = pdf::Document::open(&bytes).map_err(unprintable)?;
        let mut pages = opened.pages().map_err(unprintable)?;
        let is_added = options.cover && !opened.has_cover();
        let mut letter = Self {
            key: key.to_owned(),
            blob: id.clone(),
            pages,
            country,
            colour: options.color,
            duplex: options.duplex,
            left: document.is_left(),
            cover: None,
            product: product(),
        };
        if is_added {
            let text = address::written(document.contact_address.as_deref(), &document.address);
            if text.len() > MOST_ADDRESS {
                return Err(unprintable(Problem::Address));
            }
            (_, pages) = opened.with_cover(&letter.page(&text)).map_err(unprintable)?;
            (letter.cover, letter.pages) = (Some(text), pages);
        }
        let most = address::most_pages(&letter.country);
        if letter.pages > most {
            let reason = format!("The letter has {} pages; one to this country may have {most}.", letter.pages);
            return Err(format_error(reason));
        }
        Ok(letter)
    }

    fn page<'a>(&self, address: &'a str) -> Cover<'a> {
        Cover { address, window: if self.left { Window::Left } else { Window::Right }, blank: self.duplex }
    }

    /// What the database knows it by.
    pub fn id(&self) -> &str {
        self.key.rsplit_once(':').map_or(&self.key, |(id, _)| id)
    }

    /// What makes its price.
    pub fn job(&self) -> Job {
        Job {
            country: self.country.clone(),
            pages: u64::try_from(self.pages).unwrap_or(u64::MAX),
            colour: self.colour,
            duplex: self.duplex,
        }
    }

    /// Pages.
    pub fn pages(&self) -> usize {
        self.pages
    }

    /// What is printed, page by page.
    pub fn document(&self) -> Result<Vec<u8>, String> {
        let bytes = read(&self.blob)?;
        let Some(address) = &self.cover else { return Ok(bytes) };
        let opened = pdf::Document::open(&bytes).map_err(|problem| format!("{problem:?}"))?;
        let (bytes, _) = opened.with_cover(&self.page(address)).map_err(|problem| format!("{problem:?}"))?;
        Ok(bytes)
    }

    /// Deletes its document before its time: nobody needs it any more.
    pub fn forget(&self) {
        if let Err(error) = blobs::delete(&self.blob) {
            log::debug!("a document stays until it expires: {error}");
        }
    }

    /// As the printer gets it. Its key is the same each time, until a letter has failed: then it is another letter.
    pub fn posting(&self, account_ref: &str) -> Posting {
        let digest = digest(account_ref, &self.key);
        let attempt = records::failures(&digest);
        Posting {
            idempotency_key: format!("iap-{digest}-{attempt}"),
            manner: Manner { colour: self.colour, duplex: self.duplex, left: self.left },
            product: self.product.clone(),
        }
    }
}

/// What stands for a letter of an account where its own key would be too long.
pub fn digest(account_ref: &str, key: &str) -> String {
    let hash = Sha256::digest(format!("{account_ref}\n{key}").as_bytes());
    hex::encode(hash.get(..20).unwrap_or_default())
}

fn read(blob: &str) -> Result<Vec<u8>, String> {
    let gone = |error: blobs::Error| {
        log::error!("a document cannot be read: {error}");
        GONE.to_owned()
    };
    let size = blobs::stat(blob).map_err(gone)?.size;
    // In one piece of memory: growing would take several times as much.
    let mut bytes = Vec::with_capacity(usize::try_from(size.min(MOST_BYTES)).unwrap_or_default());
    while (bytes.len() as u64) < size {
        let piece = blobs::read(blob, bytes.len() as u64, PIECE).map_err(gone)?;
        if piece.is_empty() {
            break;
        }
        bytes.extend(piece);
    }
    Ok(bytes)
}

fn unprintable(problem: Problem) -> Refused {
    format_error(match problem {
        Problem::NotPdf => "The document is not a PDF.".to_owned(),
        Problem::Damaged(why) => {
            log::info!("a damaged document: {why}");
            "The document is damaged.".to_owned()
        }
        Problem::Encrypted => "The document is encrypted.".to_owned(),
        Problem::Empty => "The document has no pages.".to_owned(),
        Problem::PageSize(page) => format!("Page {page} is not A4 in portrait."),
        Problem::TooComplex => "The document is more complicated than documents are.".to_owned(),
        Problem::Address => {
            "The address cannot be put on a cover page: it is too long, or has letters beyond European ones.".to_owned()
        }
    })
}
