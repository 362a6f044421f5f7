//! How the fields of Kubernetes objects nest, as far as the manifests of IRSA use them (Kubernetes API reference v1.34:
//! ServiceAccount v1, Pod v1, the `apps/v1` and `batch/v1` workloads).

/// What a field holds.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shape {
    /// A text, number or boolean, or anything written in one line.
    Scalar,
    /// Names that their author chooses, such as labels.
    Named,
    /// Fields.
    Object(&'static [(&'static str, Shape)]),
    /// Elements.
    List(&'static Shape),
}

use Shape::{List, Named, Object, Scalar};

/// The fields of a kind; none for kinds that are not known here.
pub(super) fn of_kind(kind: &str) -> Option<&'static [(&'static str, Shape)]> {
    Some(match kind {
        "ServiceAccount" => SERVICE_ACCOUNT,
        "Namespace" => NAMESPACE,
        "Pod" => POD,
        "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet" => WORKLOAD,
        "Job" => JOB,
        "CronJob" => CRON_JOB,
        _ => return None,
    })
}

impl Shape {
    /// What the field of this name holds.
    pub(super) fn field(self, name: &str) -> Option<Shape> {
        match self {
            Object(fields) => fields.iter().find(|(known, _)| *known == name).map(|(_, shape)| *shape),
            Named => Some(Scalar),
            Scalar | List(_) => None,
        }
    }
}

type Fields = &'static [(&'static str, Shape)];

const SERVICE_ACCOUNT: Fields = &[
    ("apiVersion", Scalar),
    ("kind", Scalar),
    ("metadata", Object(METADATA)),
    ("automountServiceAccountToken", Scalar),
    ("imagePullSecrets", List(&Object(&[("name", Scalar)]))),
    ("secrets", List(&Object(&[("name", Scalar)]))),
];

const NAMESPACE: Fields = &[("apiVersion", Scalar), ("kind", Scalar), ("metadata", Object(METADATA))];

const POD: Fields =
    &[("apiVersion", Scalar), ("kind", Scalar), ("metadata", Object(METADATA)), ("spec", Object(POD_SPEC))];

const WORKLOAD: Fields = &[
    ("apiVersion", Scalar),
    ("kind", Scalar),
    ("metadata", Object(METADATA)),
    (
        "spec",
        Object(&[
            ("replicas", Scalar),
            ("serviceName", Scalar),
            ("minReadySeconds", Scalar),
            ("revisionHistoryLimit", Scalar),
            ("progressDeadlineSeconds", Scalar),
            ("podManagementPolicy", Scalar),
            ("strategy", Object(STRATEGY)),
            ("updateStrategy", Object(STRATEGY)),
            ("selector", Object(SELECTOR)),
            ("template", Object(TEMPLATE)),
        ]),
    ),
];

const STRATEGY: Fields = &[
    ("type", Scalar),
    ("rollingUpdate", Object(&[("maxSurge", Scalar), ("maxUnavailable", Scalar), ("partition", Scalar)])),
];

const SELECTOR: Fields = &[("matchLabels", Named)];

const TEMPLATE: Fields = &[("metadata", Object(METADATA)), ("spec", Object(POD_SPEC))];

const JOB_SPEC: Fields = &[
    ("backoffLimit", Scalar),
    ("completions", Scalar),
    ("parallelism", Scalar),
    ("activeDeadlineSeconds", Scalar),
    ("ttlSecondsAfterFinished", Scalar),
    ("suspend", Scalar),
    ("selector", Object(SELECTOR)),
    ("template", Object(TEMPLATE)),
];

const JOB: Fields =
    &[("apiVersion", Scalar), ("kind", Scalar), ("metadata", Object(METADATA)), ("spec", Object(JOB_SPEC))];

const CRON_JOB: Fields = &[
    ("apiVersion", Scalar),
    ("kind", Scalar),
    ("metadata", Object(METADATA)),
    (
        "spec",
        Object(&[
            ("schedule", Scalar),
            ("timeZone", Scalar),
            ("concurrencyPolicy", Scalar),
            ("suspend", Scalar),
            ("successfulJobsHistoryLimit", Scalar),
            ("failedJobsHistoryLimit", Scalar),
            ("startingDeadlineSeconds", Scalar),
            ("jobTemplate", Object(&[("metadata", Object(METADATA)), ("spec", Object(JOB_SPEC))])),
        ]),
    ),
];

const METADATA: Fields = &[
    ("name", Scalar),
    ("generateName", Scalar),
    ("namespace", Scalar),
    ("labels", Named),
    ("annotations", Named),
];

const POD_SPEC: Fields = &[
    ("serviceAccountName", Scalar),
    ("serviceAccount", Scalar),
    ("automountServiceAccountToken", Scalar),
    ("restartPolicy", Scalar),
    ("terminationGracePeriodSeconds", Scalar),
    ("activeDeadlineSeconds", Scalar),
    ("dnsPolicy", Scalar),
    ("hostNetwork", Scalar),
    ("nodeName", Scalar),
    ("priorityClassName", Scalar),
    ("nodeSelector", Named),
    ("imagePullSecrets", List(&Object(&[("name", Scalar)]))),
    ("securityContext", Object(SECURITY_CONTEXT)),
    ("initContainers", List(&Object(CONTAINER))),
    ("containers", List(&Object(CONTAINER))),
    ("volumes", List(&Object(VOLUME))),
];

const SECURITY_CONTEXT: Fields = &[
    ("fsGroup", Scalar),
    ("runAsUser", Scalar),
    ("runAsGroup", Scalar),
    ("runAsNonRoot", Scalar),
    ("readOnlyRootFilesystem", Scalar),
    ("allowPrivilegeEscalation", Scalar),
    ("privileged", Scalar),
];

const CONTAINER: Fields = &[
    ("name", Scalar),
    ("image", Scalar),
    ("imagePullPolicy", Scalar),
    ("workingDir", Scalar),
    ("stdin", Scalar),
    ("tty", Scalar),
    ("command", List(&Scalar)),
    ("args", List(&Scalar)),
    ("env", List(&Object(ENV))),
    (
        "envFrom",
        List(&Object(&[("prefix", Scalar), ("configMapRef", Object(REF)), ("secretRef", Object(REF))])),
    ),
    (
        "ports",
        List(&Object(&[
            ("name", Scalar),
            ("containerPort", Scalar),
            ("hostPort", Scalar),
            ("protocol", Scalar),
        ])),
    ),
    ("resources", Object(&[("limits", Named), ("requests", Named)])),
    ("securityContext", Object(SECURITY_CONTEXT)),
    (
        "volumeMounts",
        List(&Object(&[("name", Scalar), ("mountPath", Scalar), ("subPath", Scalar), ("readOnly", Scalar)])),
    ),
];

const ENV: Fields = &[
    ("name", Scalar),
    ("value", Scalar),
    (
        "valueFrom",
        Object(&[
            ("secretKeyRef", Object(&[("name", Scalar), ("key", Scalar), ("optional", Scalar)])),
            ("configMapKeyRef", Object(&[("name", Scalar), ("key", Scalar), ("optional", Scalar)])),
            ("fieldRef", Object(&[("apiVersion", Scalar), ("fieldPath", Scalar)])),
        ]),
    ),
];

const REF: Fields = &[("name", Scalar), ("optional", Scalar)];

const VOLUME: Fields = &[
    ("name", Scalar),
    ("emptyDir", Object(&[("medium", Scalar), ("sizeLimit", Scalar)])),
    ("configMap", Object(REF)),
    ("secret", Object(&[("secretName", Scalar), ("optional", Scalar)])),
    ("persistentVolumeClaim", Object(&[("claimName", Scalar), ("readOnly", Scalar)])),
    ("hostPath", Object(&[("path", Scalar), ("type", Scalar)])),
];
