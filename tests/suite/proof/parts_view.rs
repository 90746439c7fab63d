//! Who holds what, read from the lock files by rules of their own, and the same from the log.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use serde_json::Value;

use crate::harness::Site;

/// Agents with the fences of their leases.
type Holders = BTreeSet<(String, u64)>;

/// Mode and holders by resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View(pub BTreeMap<String, (String, Holders)>);

/// What stands in the lock files.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    pub view: View,
    /// Each lease that stands, as it is written: resource, agent and text.
    pub leases: Vec<(String, String, String)>,
    /// Leases written that do not stand.
    pub idle: usize,
}

impl View {
    /// Resource, mode and agents, as a table of expectations says it.
    pub fn brief(&self) -> String {
        let agents = |held: &Holders| held.iter().map(|(agent, _)| agent.as_str()).collect::<Vec<_>>().join("+");
        let one = |(resource, (mode, held)): (&String, &(String, Holders))| {
            format!("{resource}{}{}", if mode == "shared" { "~" } else { "=" }, agents(held))
        };
        self.0.iter().map(one).collect::<Vec<_>>().join(" ")
    }

    fn add(&mut self, resource: &str, mode: &str, agent: &str, fence: u64) {
        let held = self.0.entry(resource.to_owned()).or_default();
        held.0 = mode.to_owned();
        held.1.insert((agent.to_owned(), fence));
    }

    fn remove(&mut self, resource: &str, fence: u64) {
        if let Some(held) = self.0.get_mut(resource) {
            held.1.retain(|(_, other)| *other != fence);
        }
        self.0.retain(|_, (_, held)| !held.is_empty());
    }
}

fn lock_files(site: &Site) -> Result<BTreeMap<String, Value>, String> {
    let (mut found, mut todo) = (BTreeMap::new(), vec![site.state("locks")]);
    while let Some(dir) = todo.pop() {
        for entry in fs::read_dir(&dir).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                todo.push(path);
                continue;
            }
            let bytes = fs::read(&path).unwrap();
            let json =
                serde_json::from_slice(&bytes).map_err(|error| format!("{} is torn: {error}", path.display()))?;
            let below = path.strip_prefix(site.state("locks")).unwrap();
            found.insert(below.to_str().unwrap().to_owned(), json);
        }
    }
    Ok(found)
}

/// A lease stands where the last of its files has it, too.
pub fn seen(site: &Site) -> Result<Seen, String> {
    let files = lock_files(site)?;
    let mut seen = Seen::default();
    for (file, json) in &files {
        let text = json["filepath"].as_str().unwrap();
        let resource = if json["kind"] == "tree" { format!("{text}/") } else { text.to_owned() };
        let holders = json["holders"].as_array().unwrap();
        for holder in holders {
            let (fence, agent) = (holder["fence"].as_u64().unwrap(), holder["agent_id"].as_str().unwrap());
            let has = |file: &str| {
                let there = files.get(file).and_then(|json| json["holders"].as_array());
                there.is_some_and(|there| there.iter().any(|other| other["fence"] == fence))
            };
            let list = holder["files"].as_array().cloned().unwrap_or_default();
            let resources = holder["resources"].as_array().unwrap();
            if resources.len() != list.len().max(1) || (list.is_empty() && resources[0] != resource.as_str()) {
                return Err(format!("{file} does not say what its lease is on: {holder}"));
            }
            if list.last().is_none_or(|last| has(last.as_str().unwrap())) {
                seen.view.add(&resource, json["mode"].as_str().unwrap(), agent, fence);
                seen.leases.push((resource.clone(), agent.to_owned(), holder.to_string()));
            } else {
                seen.idle += 1;
            }
        }
        let standing = seen.view.0.get(&resource).map_or(0, |(_, held)| held.len());
        if json["mode"] == "exclusive" && (standing > 1 || holders.len() > 1) {
            return Err(format!("{file} is exclusive, and has several holders: {json}"));
        }
    }
    Ok(seen)
}

/// What the new lines of the log make of what stood there.
pub fn replayed(before: &View, last: u64, log: &str) -> Result<View, String> {
    let (mut view, mut last) = (before.clone(), last);
    for line in log.lines() {
        let event: Value = serde_json::from_str(line).map_err(|error| format!("a torn event: {error}: {line}"))?;
        let n = event["n"].as_u64().unwrap();
        if n <= last {
            return Err(format!("number {n} after {last}: {log}"));
        }
        last = n;
        let mut resources: Vec<&str> =
            event["resources"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        if resources.is_empty() {
            resources.extend(event["resource"].as_str());
        }
        let mode = event["mode"].as_str().unwrap_or("exclusive");
        let (agent, former) = (event["agent_id"].as_str(), event["former"]["fence"].as_u64());
        if let Some(former) = former {
            resources.iter().for_each(|resource| view.remove(resource, former));
        }
        match (event["event"].as_str().unwrap(), agent, event["fence"].as_u64()) {
            ("acquired" | "taken_over", Some(agent), Some(fence)) if fence == n => {
                resources.iter().for_each(|resource| view.add(resource, mode, agent, fence));
            }
            ("released", Some(_), Some(fence)) => {
                resources.iter().for_each(|resource| view.remove(resource, fence));
            }
            ("mode_changed", Some(_), Some(_)) => {
                let held = view.0.get_mut(resources[0]).ok_or(format!("nobody holds it: {line}"))?;
                held.0 = mode.to_owned();
            }
            ("renewed", Some(_), Some(_)) => {}
            ("taken_over" | "cleaned_up" | "forced" | "force_released", None, None) if former.is_some() => {}
            _ => return Err(format!("an odd event: {line}")),
        }
    }
    Ok(view)
}
