//! `irsa policy schema`: the contract of the batch commands, for programs.

use std::process::ExitCode;

use crate::cli::policy::Schema;
use crate::error::CliError;
use crate::output::print;

/// Name with version, and schema.
const SCHEMAS: &[(&str, &str)] = &[
    ("policy-eval-case.v1", include_str!("../../../../../docs/schemas/policy-eval-case.v1.json")),
    ("policy-eval-decision.v1", include_str!("../../../../../docs/schemas/policy-eval-decision.v1.json")),
    (
        "policy-validate-document.v1",
        include_str!("../../../../../docs/schemas/policy-validate-document.v1.json"),
    ),
    (
        "policy-validate-findings.v1",
        include_str!("../../../../../docs/schemas/policy-validate-findings.v1.json"),
    ),
];

pub(super) fn schema(arguments: &Schema) -> Result<ExitCode, CliError> {
    let Some(asked) = &arguments.name else {
        SCHEMAS.iter().for_each(|(name, _)| print(name));
        return Ok(ExitCode::SUCCESS);
    };
    let name = asked.trim_end_matches(".json");
    match SCHEMAS.iter().find(|(known, _)| *known == name) {
        Some((_, schema)) => {
            print(schema.trim_end());
            Ok(ExitCode::SUCCESS)
        }
        None => Err(CliError::no("IRSA-B005", format!("there is no schema `{asked}`"))
            .with_fix("`irsa policy schema` lists them")),
    }
}
