//! Resources on the command line: what they name now, and what they named when they were locked.

use std::{
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
};

use super::{Context, Failure, Report, args::shell_word, context::Open};
use crate::{
    checkout::{Checkout, Purpose},
    domain::{Found, Holder, Kind, Locks, Looked, Mode, Party, Resource, overlap},
};

/// One resource.
#[derive(Debug, clap::Args)]
pub(super) struct One {
    /// A file, a directory or a quoted pattern, relative to the current directory; or name:NAME
    #[arg(value_name = "RESOURCE")]
    resource: OsString,
    /// No pattern: take *, ?, [ and { as they are
    #[arg(long)]
    literal: bool,
}

/// Several resources.
#[derive(Debug, clap::Args)]
pub(super) struct Many {
    /// Files, directories and quoted patterns, relative to the current directory; or name:NAME
    #[arg(value_name = "RESOURCE", required = true)]
    pub(super) resources: Vec<OsString>,
    /// No pattern: take *, ?, [ and { as they are
    #[arg(long)]
    pub(super) literal: bool,
}

/// A resource and how it was written.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) resource: Resource,
    /// As a shell word, from the current directory.
    word: String,
    literal: bool,
}

/// Where a call is made: resources are told from the root of the checkout, and named in commands from here.
#[derive(Clone, Debug)]
pub(super) struct Standpoint {
    cwd: PathBuf,
    root: PathBuf,
}

impl Standpoint {
    pub(super) fn new(context: &Context, checkout: &Checkout) -> Result<Self, Failure> {
        Ok(Self { cwd: context.cwd()?.to_owned(), root: checkout.root().to_owned() })
    }

    /// A resource as a shell word that names it from here.
    pub(super) fn word(&self, resource: &str) -> String {
        shell_word(from_here(&self.cwd, &self.root, resource).as_ref())
    }
}

/// A resource, told from `root`, as it is named from `cwd`; both are absolute.
fn from_here(cwd: &Path, root: &Path, resource: &str) -> String {
    if resource.starts_with("name:") || cwd == root {
        return resource.to_owned();
    }
    let Ok(below) = cwd.strip_prefix(root) else { return root.join(resource).to_string_lossy().into_owned() };
    match resource.strip_prefix(&*below.to_string_lossy()).and_then(|rest| rest.strip_prefix('/')) {
        // Neither nothing, nor what looks like a name.
        Some(rest) if rest.is_empty() || rest.starts_with("name:") => format!("./{rest}"),
        Some(rest) => rest.to_owned(),
        None => "../".repeat(below.components().count()) + resource,
    }
}

impl One {
    /// The resource and what stands on it. Where it names something else than before and nothing stands on that, what
    /// was locked under this text. Where nobody holds it, also who comes before `party`.
    pub(super) fn look(
        &self,
        context: &Context,
        party: Option<&Party>,
        report: &Report,
    ) -> Result<(Target, Looked), Failure> {
        let checkout = context.checkout()?;
        let open = context.open(&checkout, report)?;
        let (target, mut looked) = look(context, &checkout, open.as_ref(), &self.resource, self.literal)?;
        let free = looked.found.iter().all(|found| found.verdict.is_over());
        if let Some(open) = open.filter(|_| free) {
            looked.before = open.locks().before(party, Mode::Exclusive, &target.resource)?;
        }
        Ok((target, looked))
    }
}

impl Many {
    pub(super) fn targets(&self, context: &Context, checkout: &Checkout) -> Result<Vec<Target>, Failure> {
        self.resources.iter().map(|text| target(context, checkout, text, self.literal)).collect()
    }
}

impl Target {
    /// The arguments that name all of these again.
    pub(super) fn all_again(targets: &[Self]) -> String {
        let literal = targets.first().is_some_and(|target| target.literal);
        let words = literal.then_some("--literal").into_iter().chain(targets.iter().map(|target| target.word.as_str()));
        words.collect::<Vec<_>>().join(" ")
    }

    /// The arguments that name it again for a command that takes `--literal`.
    pub(super) fn again(&self) -> String {
        format!("{}{}", if self.literal { "--literal " } else { "" }, self.word)
    }
}

fn target(context: &Context, checkout: &Checkout, text: &OsStr, literal: bool) -> Result<Target, Failure> {
    let resource = checkout.resource(context.cwd()?, text, Purpose::Lock { literal })?;
    Ok(Target { resource, word: shell_word(text), literal })
}

/// What stands on the resource that `text` names, or named when it was locked.
pub(super) fn look(
    context: &Context,
    checkout: &Checkout,
    open: Option<&Open>,
    text: &OsStr,
    literal: bool,
) -> Result<(Target, Looked), Failure> {
    let named = target(context, checkout, text, literal);
    let Some(open) = open else { return Ok((named?, Looked::default())) };
    let locks = open.locks();
    let named = match named {
        Ok(named) => {
            let looked = locks.look(&named.resource)?;
            Ok((named, looked))
        }
        Err(failure) => Err(failure),
    };
    if named.as_ref().is_ok_and(|(_, looked)| !looked.found.is_empty()) {
        return named;
    }
    let known = |other: &Resource| {
        let files = named.as_ref().ok().and_then(|(named, _)| named.resource.files());
        files.zip(other.files()).is_some_and(|(here, there)| overlap(here, there))
    };
    for resource in once_named(checkout, context.cwd()?, text, literal) {
        if !known(&resource) && !locks.leases_on(&resource)?.is_empty() {
            let looked = locks.look(&resource)?;
            return Ok((Target { resource, word: shell_word(text), literal }, looked));
        }
    }
    named
}

/// The resource whose lock is meant by `text` where locks are given up or renewed: one with a lease of theirs, under
/// whatever it names now or named when it was locked; else one with any lease; else what it names now.
pub(super) fn held(
    context: &Context,
    checkout: &Checkout,
    locks: Option<&Locks<'_>>,
    text: &OsStr,
    literal: bool,
    theirs: impl Fn(&Holder) -> bool,
) -> Result<Resource, Failure> {
    let cwd = context.cwd()?;
    let named = checkout.resource(cwd, text, Purpose::Find { literal });
    let Some(locks) = locks else { return Ok(named?) };
    let mut held = None;
    for resource in with_earlier(named.as_ref().ok(), || once_named(checkout, cwd, text, literal)) {
        match locks.leases_on(&resource) {
            Ok(found) if found.iter().any(&theirs) => return Ok(resource),
            Ok(found) if found.is_empty() => {}
            // What is damaged there may be what was meant.
            Ok(_) | Err(_) => held = held.or(Some(resource)),
        }
    }
    match held {
        Some(held) => Ok(held),
        None => Ok(named?),
    }
}

/// A live lease that overlaps this resource.
pub(super) fn overlapping(open: &Open, resource: &Resource) -> Result<Option<Found>, Failure> {
    Ok(open.locks().look(resource)?.found.into_iter().find(|found| !found.verdict.is_over()))
}

/// All that `text` names or may have named when it was locked.
pub(super) fn ever_named(
    context: &Context,
    checkout: &Checkout,
    text: &OsStr,
    literal: bool,
) -> Result<Vec<Resource>, Failure> {
    let cwd = context.cwd()?;
    let named = checkout.resource(cwd, text, Purpose::Find { literal });
    let all: Vec<_> = with_earlier(named.as_ref().ok(), || once_named(checkout, cwd, text, literal)).collect();
    if all.is_empty() { Ok(vec![named?]) } else { Ok(all) }
}

/// What a text names now and then what it may have named, which is looked for only when it is asked for: it costs calls,
/// and mostly the first is the one.
fn with_earlier(named: Option<&Resource>, earlier: impl FnOnce() -> Vec<Resource>) -> impl Iterator<Item = Resource> {
    let earlier = std::iter::once_with(earlier).flatten();
    named.cloned().into_iter().chain(earlier.filter(move |other| Some(other) != named))
}

/// What `text` may have named when something else stood there.
fn once_named(checkout: &Checkout, cwd: &Path, text: &OsStr, literal: bool) -> Vec<Resource> {
    let mut found = checkout.candidates(cwd, text);
    found.retain(|resource| !literal || resource.kind() != Kind::Glob);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_is_named_from_where_the_call_is_made() {
        for (cwd, resource, named) in [
            ("/r", "src/a.rs", "src/a.rs"),
            ("/r/src", "src/a.rs", "a.rs"),
            ("/r/src", "src/", "./"),
            ("/r/src", "src2/a.rs", "../src2/a.rs"),
            ("/r/src/web", "src/a.rs", "../../src/a.rs"),
            ("/r/src", "src/**/*.rs", "**/*.rs"),
            ("/r/src", "src/name:x", "./name:x"),
            ("/r/src", "./", ".././"),
            ("/r/src", "name:deploy", "name:deploy"),
            ("/elsewhere", "src/a.rs", "/r/src/a.rs"),
        ] {
            assert_eq!(from_here(Path::new(cwd), Path::new("/r"), resource), named, "{resource} from {cwd}");
        }
    }
}
