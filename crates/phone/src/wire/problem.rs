//! A report of a problem, and that the station has it.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What is sent of a problem.
#[derive(Debug, Serialize)]
pub(crate) struct ProblemReport<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub meter: &'a Option<String>,
    pub text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact: &'a Option<String>,
}

/// The station has a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProblemTaken {
    /// Its id.
    pub id: Uuid,
    /// Whether it was not known before.
    #[serde(default)]
    pub new: bool,
}
