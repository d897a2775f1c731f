//! A guest whose provider may not answer: then the host has it asked what became of the order.

use iap_sdk::prelude::*;
use serde::{Deserialize, Serialize};

struct Asker;

impl Service for Asker {
    fn operations() -> Operations {
        Operations::new()
            .on("order", order)
            .on("order_soon", order)
            .on("order_plainly", order)
            .on("order_later", order_later)
            .job("reconcile", reconcile)
            .job("deliver", deliver)
    }
}

iap_sdk::register_service!(Asker);

#[derive(Deserialize)]
struct Order {
    id: String,
    pieces: u64,
}

#[derive(Serialize, Deserialize)]
struct Ordered {
    id: String,
    pieces: u64,
}

/// What the host says of a call whose outcome it does not know.
#[derive(Deserialize)]
struct Question {
    input: Order,
}

fn pieces(count: u64) -> [Line; 1] {
    [Line::new("piece", count)]
}

fn order(call: &Call, order: Order) -> Result<Ordered, Failure> {
    if let Some(before) = call.remembered(&order.id) {
        return before.json();
    }
    if order.pieces == 0 {
        return Err(Failure::refused("Nothing was ordered."));
    }
    let hold = billing::authorize(&pieces(order.pieces))?;
    // If it is not answered, the hold is dropped here: the host does not release it, but asks.
    let response = http::Request::post("provider", format!("/orders/{}", order.id)).send()?;
    if response.status != 200 {
        return Err(Failure::refused("The provider declines."));
    }
    let ordered = Ordered { id: order.id, pieces: order.pieces };
    hold.capture_with(&pieces(ordered.pieces), Capture::new().remember(&ordered.id, &ordered))?;
    Ok(ordered)
}

fn reconcile(job: &Job, question: Question) -> Result<(), Failure> {
    let Some(id) = &job.hold else { return Err(Failure::refused("There is no hold.")) };
    let Order { id: order, pieces: count } = question.input;
    // First, since without a hold there is no effect.
    let hold = billing::resume(id)?;
    match http::Request::get("provider", format!("/orders/{order}")).send() {
        Ok(response) if response.status == 200 => {
            let ordered = Ordered { id: order, pieces: count };
            hold.capture_with(&pieces(count), Capture::new().remember(&ordered.id, &ordered))?;
            Ok(())
        }
        Ok(response) if response.status == 404 => {
            hold.release();
            Ok(())
        }
        // Dropped, not released: it is asked again.
        _ => Err(Failure::ProviderUnavailable { retry_after: Some(1) }),
    }
}

#[derive(Serialize, Deserialize)]
struct Later {
    pieces: u64,
    more: u64,
}

/// The pieces are set aside now; a job delivers them, and more if it may.
fn order_later(_call: &Call, later: Later) -> Result<Later, Failure> {
    let id = billing::authorize(&pieces(later.pieces))?.keep(3_600, &[])?;
    jobs::enqueue_with("deliver", &later, jobs::Options::new().hold(id))?;
    Ok(later)
}

fn deliver(job: &Job, later: Later) -> Result<(), Failure> {
    let Some(id) = &job.hold else { return Err(Failure::refused("There is no hold.")) };
    let hold = billing::resume(id)?;
    match billing::authorize(&pieces(later.more)) {
        Ok(more) => drop(more.capture()?),
        Err(refusal) if refusal.code == "over-max-credits" => {}
        Err(refusal) => return Err(refusal.into()),
    }
    hold.capture_lines(&pieces(later.pieces))?;
    Ok(())
}
