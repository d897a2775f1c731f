//! Which network a request comes from, to bound what one may ask without a token.

use std::{
    convert::Infallible,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use axum::{
    extract::{ConnectInfo, FromRequestParts},
    http::{HeaderMap, request::Parts},
};

use crate::app::App;

/// Keyed hash of the network, so that addresses of people are not kept.
#[derive(Clone, Debug)]
pub struct Origin(pub String);

impl FromRequestParts<Arc<App>> for Origin {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Infallible> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip());
        let network = peer.map_or_else(|| "nowhere".to_owned(), |peer| network(client(peer, &parts.headers)));
        Ok(Self(app.keys.sign_in("network", &network)))
    }
}

/// Who asks: the peer, or whom a proxy on this machine names last. Nobody else is believed.
fn client(peer: IpAddr, headers: &HeaderMap) -> IpAddr {
    if !peer.to_canonical().is_loopback() {
        return peer;
    }
    let named = headers.get_all("x-forwarded-for").iter().next_back().and_then(|value| value.to_str().ok());
    let last = named.and_then(|named| named.rsplit(',').next()).map(str::trim);
    last.and_then(|text| text.parse().ok()).unwrap_or(peer)
}

/// An address, or the part of it that one subscriber has: of IPv6 the first 64 bits.
fn network(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(peer: &str, forwarded: &str) -> String {
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", forwarded.parse().unwrap());
        network(client(peer.parse().unwrap(), &headers))
    }

    #[test]
    fn only_a_proxy_on_this_machine_is_believed() {
        assert_eq!(of("203.0.113.7", "198.51.100.1"), "203.0.113.7");
        assert_eq!(of("127.0.0.1", "192.0.2.9, 198.51.100.1"), "198.51.100.1", "the one that the proxy saw itself");
        assert_eq!(of("::ffff:127.0.0.1", "198.51.100.1"), "198.51.100.1");
        assert_eq!(of("127.0.0.1", "unknown"), "127.0.0.1");
    }

    #[test]
    fn a_subscriber_is_one_network() {
        assert_eq!(of("2001:db8:1:2:3:4:5:6", ""), "2001:db8:1:2::/64");
        assert_eq!(of("2001:db8:1:2:ffff::1", ""), of("2001:db8:1:2:3:4:5:6", ""));
    }
}
