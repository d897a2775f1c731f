//! A load of messages, calls and commands through several hosts, of which each item must happen exactly once.
//!
//! Whoever gets no answer repeats the request later, with its key.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use iap_tests::{Reply, odoo::hex32};
use serde_json::{Value, json};

use crate::fleet::Door;

/// How long the last repeats may take: a dead host is taken over after a minute, a repeat waits for 14 s.
const PATIENCE: Duration = Duration::from_secs(150);

/// What is asked for, with its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Work {
    /// A message of one credit; its uuid is its text too, which tells the carrier's page which one it is.
    Message(String),
    /// A call of one credit.
    Call(String),
    /// Half a credit given.
    Grant(String),
    /// A quarter of a call's credit given back.
    Refund(String, String),
    /// An eighth of a credit moved to the other account.
    Transfer(String),
}

impl Work {
    /// Its natural or idempotency key.
    pub fn key(&self) -> &str {
        let (Self::Message(key) | Self::Call(key) | Self::Grant(key) | Self::Refund(key, _) | Self::Transfer(key)) =
            self;
        key
    }
}

/// Something to do, and how often it may have been done without anybody being told.
#[derive(Clone, Debug)]
pub struct Item {
    pub work: Work,
    pub lost: u64,
    /// What was answered, without what changes from one repeat to the next.
    pub answer: Value,
}

/// The accounts of a load; the messages' one is behind its token.
pub struct Accounts {
    /// Calls, grants and refunds are here, and it is where transfers come from.
    pub echo: String,
    /// Where transfers go.
    pub other: String,
}

enum Outcome {
    Answered(Value),
    /// Nothing was begun: nobody listens, there is no room, or the same work is under way.
    Nothing,
    /// It may have been done or not.
    Lost,
}

#[derive(Default)]
struct State {
    answered: Vec<Item>,
    aside: Vec<Item>,
    /// Calls of which nothing was given back.
    refundable: Vec<String>,
}

/// What all workers share.
pub struct Load {
    doors: Vec<Door>,
    accounts: Accounts,
    stop: AtomicBool,
    /// Messages that may still be sent: a carrier remembers 10,000.
    messages: AtomicI64,
    begun: AtomicUsize,
    next: AtomicUsize,
    state: Mutex<State>,
}

impl Load {
    pub fn new(doors: Vec<Door>, accounts: Accounts) -> Arc<Self> {
        Arc::new(Self {
            doors,
            accounts,
            stop: AtomicBool::new(false),
            messages: AtomicI64::new(0),
            begun: AtomicUsize::new(0),
            next: AtomicUsize::new(0),
            state: Mutex::default(),
        })
    }

    /// Starts workers.
    pub fn start(self: &Arc<Self>, workers: usize) -> Vec<tokio::task::JoinHandle<()>> {
        (0..workers).map(|worker| tokio::spawn(Arc::clone(self).serve(worker))).collect()
    }

    /// Lets workers send that many more messages; beyond it they do other things.
    pub fn allow_messages(&self, count: i64) {
        self.messages.store(count, Ordering::Relaxed);
    }

    /// How many items were answered, and how many wait to be repeated.
    pub fn counts(&self) -> (usize, usize) {
        let state = self.state();
        (state.answered.len(), state.aside.len())
    }

    /// Ends the load, repeats what was never answered until it is, and answers all that was done.
    pub async fn finish(self: &Arc<Self>, workers: Vec<tokio::task::JoinHandle<()>>) -> Vec<Item> {
        self.stop.store(true, Ordering::Relaxed);
        for worker in workers {
            worker.await.expect("a worker ends well");
        }
        let aside = std::mem::take(&mut self.state().aside);
        let repeats: Vec<_> = aside.into_iter().map(|item| tokio::spawn(Arc::clone(self).insist(item))).collect();
        for repeat in repeats {
            repeat.await.expect("every request is answered in the end");
        }
        std::mem::take(&mut self.state().answered)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every so many times.
    fn is_turn_of(&self, one_in: usize) -> bool {
        self.next.fetch_add(1, Ordering::Relaxed).is_multiple_of(one_in)
    }

    async fn serve(self: Arc<Self>, worker: usize) {
        let mut door = worker;
        while !self.stop.load(Ordering::Relaxed) {
            door += 1;
            let mut item = Item { work: self.new_work(), lost: 0, answer: Value::Null };
            let mut tries = 0;
            while tries < 3 {
                // A repeat goes to another host, which must wait or answer as the first one, and never do it again.
                match self.ask(door + tries, &item.work).await {
                    Outcome::Answered(answer) => {
                        item.answer = answer;
                        break;
                    }
                    Outcome::Nothing => {}
                    Outcome::Lost => {
                        item.lost += 1;
                        // Most wait for the end, so that the load goes on while a dead host has their keys.
                        tries += if self.is_turn_of(4) { 0 } else { 3 };
                    }
                }
                tries += 1;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            self.put(door, item).await;
        }
    }

    /// Files an item; every now and then one that was answered is asked for again, and answered the same.
    async fn put(&self, door: usize, item: Item) {
        if item.answer.is_null() {
            self.state().aside.push(item);
            return;
        }
        if self.is_turn_of(16)
            && let Outcome::Answered(again) = self.ask(door + 1, &item.work).await
        {
            assert_eq!(again, item.answer, "another answer to {:?}", item.work);
        }
        let mut state = self.state();
        if let (Work::Call(_), Some(call)) = (&item.work, item.answer["call_id"].as_str()) {
            state.refundable.push(call.to_owned());
        }
        state.answered.push(item);
    }

    async fn insist(self: Arc<Self>, mut item: Item) {
        let end = Instant::now() + PATIENCE;
        let mut door = self.next.fetch_add(1, Ordering::Relaxed);
        while item.answer.is_null() {
            assert!(Instant::now() < end, "never answered: {item:?}");
            door += 1;
            match self.ask(door, &item.work).await {
                Outcome::Answered(answer) => item.answer = answer,
                Outcome::Nothing => {}
                Outcome::Lost => item.lost += 1,
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        self.state().answered.push(item);
    }

    fn new_work(&self) -> Work {
        let key = hex32();
        match self.begun.fetch_add(1, Ordering::Relaxed) % 8 {
            0..=2 if 0 < self.messages.fetch_sub(1, Ordering::Relaxed) => Work::Message(key),
            5 => Work::Grant(format!("grant-{key}")),
            6 => match self.state().refundable.pop() {
                Some(call) => Work::Refund(format!("refund-{key}"), call),
                None => Work::Call(format!("call-{key}")),
            },
            7 => Work::Transfer(format!("transfer-{key}")),
            _ => Work::Call(format!("call-{key}")),
        }
    }

    async fn ask(&self, door: usize, work: &Work) -> Outcome {
        let door = &self.doors[door % self.doors.len()];
        let Accounts { echo, other } = &self.accounts;
        let (path, body) = match work {
            Work::Message(uuid) => return send(door, uuid).await,
            Work::Call(key) => (format!("/v1/accounts/{echo}/calls/say"), json!({ "input": { "text": key } })),
            Work::Grant(key) => (format!("/v1/accounts/{echo}/grants"), json!({ "credits": "0.5", "reason": key })),
            Work::Refund(key, call) => {
                (format!("/v1/calls/{call}/refund"), json!({ "credits": "0.25", "reason": key }))
            }
            Work::Transfer(key) => {
                let body = json!({ "from": echo, "to": other, "credits": "0.125", "reason": key });
                ("/v1/transfers".to_owned(), body)
            }
        };
        match door.rest.try_post(&path, &body, Some(work.key())).await {
            Ok(reply) => of_rest(work, &reply),
            Err(error) => of_broken(&error),
        }
    }
}

/// Errors at Odoo's door after which a message may be out. Time is over where a call waited for a server that is away.
const LOST: [&str; 2] = ["the host could not complete the request", "took longer than its time limit"];

async fn send(door: &Door, uuid: &str) -> Outcome {
    let params = door.odoo.sms(uuid, &[("+32475000001", uuid)]);
    let body = json!({ "jsonrpc": "2.0", "method": "call", "params": params, "id": 1 }).to_string();
    let reply = match door.odoo.try_post("/api/sms/3/send", body).await {
        Ok(reply) => reply,
        Err(error) => return of_broken(&error),
    };
    let answer = reply.json();
    if answer["result"][0]["state"] == "success" {
        return Outcome::Answered(answer["result"].clone());
    }
    match answer["error"]["data"]["message"].as_str() {
        Some(message) if message.contains("the same work is being done") => Outcome::Nothing,
        Some(message) if message.contains("too many calls running") => Outcome::Nothing,
        Some(message) if LOST.iter().any(|lost| message.contains(lost)) => Outcome::Lost,
        _ => panic!("{uuid}: {} {}", reply.status, reply.text),
    }
}

fn of_rest(work: &Work, reply: &Reply) -> Outcome {
    let mut answer = reply.json();
    match (reply.status, answer["code"].as_str()) {
        (200 | 201, _) => {
            // A call is answered with the balance of the moment and the URL of the host (those of a test have one each);
            // what a command did is stored whole.
            if let (Work::Call(_), Some(answer)) = (work, answer.as_object_mut()) {
                answer.remove("balance");
                answer.remove("receipt_url");
            }
            Outcome::Answered(answer)
        }
        // The capture was stored, and its host died before the answer was.
        (502, Some("partial")) => Outcome::Answered(answer),
        (429 | 503, Some("busy")) | (409, Some("still-running")) => Outcome::Nothing,
        (503, Some("host-failed")) | (502, Some("service-failed")) => Outcome::Lost,
        _ => panic!("{work:?}: {} {}", reply.status, reply.text),
    }
}

fn of_broken(error: &reqwest::Error) -> Outcome {
    if error.is_connect() { Outcome::Nothing } else { Outcome::Lost }
}
