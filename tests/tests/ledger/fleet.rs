//! Hosts on one PostgreSQL database, of which any may be killed.

use std::ops::RangeInclusive;

use iap_tests::{Odoo, Settings, TestHost, cluster};

use crate::support::Rest;

/// Real host processes, each with a carrier of its own.
pub struct Fleet {
    pub hosts: Vec<TestHost>,
    /// The streams of each host's latest start.
    streams: Vec<RangeInclusive<i64>>,
    database: String,
}

impl Fleet {
    /// Starts hosts on an empty database, one after another.
    pub fn start(count: usize, settings: Settings, database: &str) -> Self {
        let settings = settings.postgres(database);
        let mut fleet = Self { hosts: Vec::new(), streams: Vec::new(), database: database.to_owned() };
        let mut before = 0;
        for _ in 0..count {
            fleet.hosts.push(TestHost::with(&settings));
            let newest = fleet.newest_stream();
            fleet.streams.push(before + 1..=newest);
            before = newest;
        }
        fleet
    }

    fn newest_stream(&self) -> i64 {
        let rows = cluster::query(&self.database, "SELECT max(id) FROM stream");
        rows[0].parse().unwrap_or_else(|error| panic!("{rows:?}: {error}"))
    }

    /// SIGKILL to a host; its carrier goes on.
    pub fn kill(&mut self, host: usize) {
        self.hosts[host].kill();
    }

    /// As if a minute had passed since a host was killed: others take over what it left at their next look.
    pub fn let_a_minute_pass(&self, host: usize) {
        let (first, last) = self.streams[host].clone().into_inner();
        let silence = format!("UPDATE stream SET seen_at = 0 WHERE id BETWEEN {first} AND {last}");
        cluster::query(&self.database, &silence);
    }

    /// Starts a killed host again, where it was. To the others it is a new one.
    pub fn restart(&mut self, host: usize) {
        let before = self.newest_stream();
        self.hosts[host].restart();
        self.streams[host] = before + 1..=self.newest_stream();
    }

    /// The same database at each host, with each host's REST door.
    pub fn doors(&self, odoo: &Odoo) -> Vec<Door> {
        let at = |host: &TestHost| Odoo::new(host.client().clone(), host.url()).known_as(&odoo.dbuuid, &odoo.token);
        self.hosts.iter().map(|host| Door { odoo: at(host), rest: Rest::of(host) }).collect()
    }

    /// How often all carriers together got each text.
    pub async fn received(&self) -> std::collections::BTreeMap<String, u64> {
        let mut times = std::collections::BTreeMap::new();
        for host in &self.hosts {
            let page = host.carrier_received().await;
            let messages = page["messages"].as_array().expect("a list");
            assert_eq!(page["total"], messages.len(), "a carrier has forgotten messages: send fewer");
            for message in messages {
                *times.entry(message["body"].as_str().expect("a text").to_owned()).or_default() += 1;
            }
        }
        times
    }

    /// No host has seen a violation of the ledger's rules while it served.
    pub async fn assert_self_check_is_quiet(&self) {
        for host in &self.hosts {
            let page = iap_tests::http::try_send(host.client().get(format!("{}/metrics", host.url()))).await;
            let page = page.expect("the host answers").text;
            assert!(page.contains("\nledger_invariant_violations_total 0\n"), "{page}");
        }
    }
}

/// A host's doors, for one database.
pub struct Door {
    pub odoo: Odoo,
    pub rest: Rest,
}
