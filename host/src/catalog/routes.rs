//! Which service answers a path. One owner a path.

use std::collections::HashMap;

use iap_core::manifest::Route;

use super::{LoadReleaseError, lines::Line, service::Service};

/// A service by name, its route, and the values of the route's `{name}` segments.
type Found<'a> = (&'a str, Route, Vec<(String, String)>);

/// Routes of all services: exact ones by their path, patterns by their segments.
#[derive(Default)]
pub struct Routes {
    exact: HashMap<String, (String, Route)>,
    patterns: Vec<(Vec<String>, String, Route)>,
}

impl Routes {
    /// Collects the routes of services; refuses a path with two owners.
    ///
    /// A path that an older major version alone answers stays its service's own.
    pub fn of<'a>(lines: impl Iterator<Item = &'a Line>) -> Result<Self, LoadReleaseError> {
        let mut routes = Self::default();
        for line in lines {
            let mut own: Vec<Vec<&str>> = Vec::new();
            let others = line.faces.values().filter(|face| !std::sync::Arc::ptr_eq(face, &line.usual));
            for service in std::iter::once(&line.usual).chain(others) {
                for route in service.release.iter().flat_map(|release| &release.manifest().routes) {
                    if !own.contains(&shape(&route.path)) {
                        own.push(shape(&route.path));
                        routes.add(service, route)?;
                    }
                }
            }
        }
        Ok(routes)
    }

    fn add(&mut self, service: &Service, route: &Route) -> Result<(), LoadReleaseError> {
        let taken = |owner: &str| LoadReleaseError::PathTaken {
            path: route.path.clone(),
            service: service.name.clone(),
            owner: owner.to_owned(),
        };
        if route.path.contains('{') {
            if let Some((_, owner, _)) =
                self.patterns.iter().find(|(.., other)| shape(&other.path) == shape(&route.path))
            {
                return Err(taken(owner));
            }
            let segments = route.path.split('/').map(str::to_owned).collect();
            self.patterns.push((segments, service.name.clone(), route.clone()));
        } else if let Some((owner, _)) = self.exact.get(&route.path) {
            return Err(taken(owner));
        } else {
            self.exact.insert(route.path.clone(), (service.name.clone(), route.clone()));
        }
        Ok(())
    }

    /// Who answers a path, if anybody.
    pub fn find(&self, path: &str) -> Option<Found<'_>> {
        if let Some((service, route)) = self.exact.get(path) {
            return Some((service, route.clone(), Vec::new()));
        }
        let asked: Vec<&str> = path.split('/').collect();
        self.patterns.iter().find_map(|(segments, service, route)| {
            let values = fit(segments, &asked)?;
            Some((service.as_str(), route.clone(), values))
        })
    }
}

/// The segments of a path; what a placeholder is called makes no other path.
fn shape(path: &str) -> Vec<&str> {
    path.split('/').map(|segment| if segment.starts_with('{') { "{}" } else { segment }).collect()
}

fn fit(pattern: &[String], asked: &[&str]) -> Option<Vec<(String, String)>> {
    if pattern.len() != asked.len() {
        return None;
    }
    let mut values = Vec::new();
    for (expected, segment) in pattern.iter().zip(asked) {
        match expected.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            Some(name) if !segment.is_empty() => values.push((name.to_owned(), (*segment).to_owned())),
            None if expected == segment => {}
            _ => return None,
        }
    }
    Some(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_placeholder_makes_no_other_path() {
        assert_eq!(shape("/iap/s/x/{id}"), shape("/iap/s/x/{uid}"));
        assert_ne!(shape("/iap/s/x/{id}"), shape("/iap/s/x/id"));
        assert_ne!(shape("/iap/s/x/{id}"), shape("/iap/s/x"));
    }

    #[test]
    fn patterns_take_whole_segments() {
        let pattern: Vec<String> = "/api/extract/{kind}/1/parse".split('/').map(str::to_owned).collect();
        let check = |path: &str| fit(&pattern, &path.split('/').collect::<Vec<_>>());
        assert_eq!(check("/api/extract/invoice/1/parse"), Some(vec![("kind".to_owned(), "invoice".to_owned())]));
        for path in [
            "/api/extract//1/parse",
            "/api/extract/a/b/1/parse",
            "/api/extract/invoice/2/parse",
            "/api/extract/invoice/1/parse/",
        ] {
            assert_eq!(check(path), None, "{path}");
        }
    }
}
