//! The kinds of the Kubernetes API that make pods.

/// Lists of lists are not followed further.
pub(crate) const MOST_LISTS: usize = 4;
/// Where each kind keeps the pod, or its template.
pub(crate) const WORKLOADS: &[(&str, &[&str])] = &[
    ("Pod", &[]),
    ("PodTemplate", &["template"]),
    ("Deployment", &["spec", "template"]),
    ("StatefulSet", &["spec", "template"]),
    ("DaemonSet", &["spec", "template"]),
    ("ReplicaSet", &["spec", "template"]),
    ("ReplicationController", &["spec", "template"]),
    ("Job", &["spec", "template"]),
    ("CronJob", &["spec", "jobTemplate", "spec", "template"]),
];
