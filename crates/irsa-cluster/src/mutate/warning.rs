//! What is odd about a pod or its ServiceAccount, without keeping anybody from going on: for admission warnings and Events.

use crate::annotations::{self, OF_PODS};

/// Admission warnings beyond this many characters are cut (Kubernetes asks for at most 256, of which 120 are shown well).
const MOST_CHARACTERS: usize = 256;

/// Something that the owner of a pod or a ServiceAccount wants to know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Warning {
    /// The role is no ARN of one. It is given to the pod all the same, and STS will refuse it.
    #[error("`{0}` is no role ARN, which is arn:aws:iam::ACCOUNT:role/NAME")]
    MalformedRoleArn(String),
    /// An annotation that nobody reads.
    #[error("nobody reads the annotation `{name}` of the {on}; `{meant}` is meant")]
    MisspelledAnnotation {
        /// Its name.
        name: String,
        /// What it should be.
        meant: String,
        /// Whose it is.
        on: Annotated,
    },
    /// An annotation whose value does not parse, and which is as if absent.
    #[error("the annotation `{name}` of the {on} has the value `{value}`, which is ignored")]
    IgnoredValue {
        /// Its name.
        name: String,
        /// Its value.
        value: String,
        /// Whose it is.
        on: Annotated,
    },
    /// One variable of a pair is set by the container itself, so that the webhook adds neither.
    #[error("container `{container}` sets {present} without {missing}: the webhook adds neither")]
    HalfPreset {
        /// The container.
        container: String,
        /// What it sets.
        present: &'static str,
        /// What it does not set.
        missing: &'static str,
    },
    /// The container has another volume where the token's would be mounted. Two mounts at one path are refused by Kubernetes,
    /// so the other one stays.
    #[error(
        "container `{container}` mounts the volume `{volume}` where the token would be: the token is not mounted"
    )]
    MountPathTaken {
        /// The container.
        container: String,
        /// The other volume.
        volume: String,
    },
    /// The pod has a volume of the token's name, in which this file is missing.
    #[error(
        "the pod brings the volume `{volume}` itself, without the file `{file}`: what needs it is left out"
    )]
    VolumeTaken {
        /// The volume's name.
        volume: String,
        /// The file.
        file: &'static str,
    },
    /// `include-containers` names a container that the pod does not have.
    #[error("the annotation include-containers names `{0}`, which is no container of the pod")]
    UnknownContainer(String),
    /// The ServiceAccount has a role, but no container of the pod gets it.
    #[error("no container of the pod gets the role: the pod's annotations leave all of them out")]
    NoContainer,
}

/// What an annotation is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Annotated {
    /// A Pod.
    Pod,
    /// A ServiceAccount.
    ServiceAccount,
}

impl std::fmt::Display for Annotated {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Pod => "pod",
            Self::ServiceAccount => "ServiceAccount",
        })
    }
}

impl Warning {
    /// As a sentence of bounded length, without control characters, for a header of HTTP.
    #[must_use]
    pub fn sentence(&self) -> String {
        let plain = |character: char| if character.is_control() { '\u{fffd}' } else { character };
        self.to_string().chars().take(MOST_CHARACTERS).map(plain).collect()
    }

    pub(super) fn misspelled<'a>(
        annotations: impl Iterator<Item = (&'a str, &'a str)>,
        prefix: &str,
        on: Annotated,
    ) -> impl Iterator<Item = Self> {
        let known = match on {
            Annotated::Pod => OF_PODS,
            Annotated::ServiceAccount => annotations::OF_SERVICE_ACCOUNTS,
        };
        annotations.filter_map(move |(name, _)| {
            let meant = annotations::meant(name, prefix, known)?;
            Some(Self::MisspelledAnnotation { name: name.to_owned(), meant, on })
        })
    }
}
