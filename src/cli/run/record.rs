//! The record of a run: made with its lease, ended with it.

use std::ffi::OsString;

use crate::{
    cli::{Context, Failure, Report, context::Open},
    domain::{
        AgentId, Depth, Wrapper,
        records::{Ending, Finished, How, LogTail, NewRecord, RecordId, Records},
        redact::Redactor,
    },
    host::{self, child},
    store::Session,
};

use super::Lease;

/// The record of one run.
pub(super) struct Keeper<'a> {
    records: Records<'a>,
    id: RecordId,
    redactor: Redactor,
    /// Why there is none.
    missing: Option<String>,
}

/// What the record is about beside the lease.
#[derive(Debug)]
pub(super) struct About<'a> {
    pub(super) agent: &'a AgentId,
    pub(super) argv: &'a [OsString],
    pub(super) wrapper: Option<&'a Wrapper>,
    pub(super) depth: Depth,
}

impl<'a> Keeper<'a> {
    pub(super) fn new(open: &'a Open) -> Result<Self, Failure> {
        let id = RecordId::from_bits(host::random()?);
        Ok(Self { records: open.records(), id, redactor: open.redactor()?, missing: None })
    }

    /// Writes that the command is about to be started. Without a record it is run all the same.
    pub(super) fn begin(&mut self, session: &mut Session<'_>, context: &Context, lease: &Lease<'_>, about: &About<'_>) {
        let new = NewRecord {
            id: &self.id,
            agent: about.agent,
            resources: &lease.resources(),
            lease: Some(lease.id()),
            fence: Some(lease.fence()),
            argv: about.argv,
            wrapper: about.wrapper,
            depth: about.depth,
            cwd: context.cwd().ok(),
        };
        self.missing = self.records.begin_in(session, &new, &self.redactor).err().map(|error| error.to_string());
    }

    /// Says so if there is no record.
    pub(super) fn mention(&self, report: &Report) {
        if let Some(why) = &self.missing {
            report.warning(&format!("the run goes on, but no record of it is kept: {why}"));
        }
    }

    /// Whether somebody has asked for the end of the command; what cannot be read asks for nothing.
    pub(super) fn is_cancelled(&self) -> bool {
        self.missing.is_none() && self.records.is_cancel_requested(&self.id).unwrap_or(false)
    }

    /// Writes how the command ended; why it could not be written, if it could not.
    pub(super) fn end(&self, session: &mut Session<'_>, how: How, ended: Option<child::How>) -> Option<String> {
        if self.missing.is_some() {
            return None;
        }
        said(self.records.finish_in(session, &self.id, &ending(how, ended, None), &self.redactor))
    }

    /// The same in a stay of its own, with what the command printed.
    pub(super) fn end_with(&self, how: How, ended: child::How, output: &child::Captured) -> Option<String> {
        if self.missing.is_some() {
            return None;
        }
        let printed = Some((output.bytes, &output.tail));
        said(self.records.finish(&self.id, &ending(how, Some(ended), printed), &self.redactor))
    }
}

fn said(finished: crate::store::Result<Finished>) -> Option<String> {
    match finished {
        Ok(Finished::Now(_) | Finished::Already(_)) => None,
        Ok(Finished::WithoutLog(_, why)) => Some(format!("the end of its output is not kept: {why}")),
        Ok(Finished::Missing) => Some("its record is gone".to_owned()),
        Err(error) => Some(format!("its record does not tell how it ended: {error}")),
    }
}

fn ending<'l>(how: How, ended: Option<child::How>, output: Option<(u64, &'l LogTail)>) -> Ending<'l> {
    let (exit, signal) = match ended {
        Some(child::How::Exited(code)) => (Some(code.into()), None),
        Some(child::How::Killed(signal)) => (None, Some(signal.into())),
        Some(child::How::Unknown) | None => (None, None),
    };
    Ending { how, exit, signal, bytes: output.map(|(bytes, _)| bytes), log: output.map(|(_, log)| log) }
}
