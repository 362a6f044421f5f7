//! What the downward API would write beside the token: the AWS config file of a chain of roles, and certificate authorities.

use std::path::Path;

use irsa_cluster::annotations::{AWS_CONFIG, CA_BUNDLE};
use irsa_cluster::mutate::{CA_FILE, CONFIG_FILE, Settings};
use serde_json::Value;

use super::token_file::unwritable;
use crate::error::CliError;

/// Writes each file that the pod's annotations hold into `volume`, which is the token's below `folder`.
pub(super) fn write_files(
    pod: &Value,
    settings: &Settings,
    folder: &Path,
    volume: &Path,
) -> Result<(), CliError> {
    for (annotation, file) in [(AWS_CONFIG, CONFIG_FILE), (CA_BUNDLE, CA_FILE)] {
        let name = format!("{}/{annotation}", settings.annotation_prefix);
        let annotations = pod.pointer("/metadata/annotations");
        let Some(text) = annotations.and_then(|annotations| annotations.get(&name)?.as_str()) else {
            continue;
        };
        // The config file names the token by its path in the container.
        let here = format!("{}{}", folder.display(), settings.mount_path);
        let path = volume.join(file);
        std::fs::write(&path, text.replace(&settings.mount_path, &here))
            .map_err(|error| unwritable(&path, &error))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn files_of_annotations_are_where_the_token_is() {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings { mount_path: "/var/run/t".to_owned(), ..Settings::default() };
        let volume = folder.path().join("var/run/t");
        std::fs::create_dir_all(&volume).unwrap();
        let pod = json!({"metadata": {"annotations": {
            "eks.amazonaws.com/aws-config": "web_identity_token_file = /var/run/t/token",
            "eks.amazonaws.com/ca-bundle": "PEM",
        }}});
        write_files(&pod, &settings, folder.path(), &volume).unwrap();
        let read = |file: &str| std::fs::read_to_string(volume.join(file)).unwrap();
        assert_eq!(
            read("config"),
            format!("web_identity_token_file = {}/var/run/t/token", folder.path().display())
        );
        assert_eq!(read("ca.pem"), "PEM");
    }
}
