//! What lint may know besides the document itself.

/// What is known around the document. A field that is `None` is unknown, and the rules that need it are silent.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Surroundings {
    /// The role whose trust policy it is.
    pub role: Option<Role>,
    /// All OIDC providers of the role's account.
    pub providers: Option<Vec<Provider>>,
    /// All ServiceAccounts of the cluster.
    pub service_accounts: Option<Vec<ServiceAccount>>,
}

/// An IAM role.
#[derive(Debug, Clone, PartialEq)]
pub struct Role {
    /// `arn:aws:iam::111122223333:role/NAME`.
    pub arn: String,
    /// The role's `MaxSessionDuration` in seconds.
    pub max_session_seconds: Option<u32>,
}

/// An IAM OIDC provider.
#[derive(Debug, Clone, PartialEq)]
pub struct Provider {
    /// `arn:aws:iam::111122223333:oidc-provider/HOST/PATH`.
    pub arn: String,
    /// The audiences that are registered for it (`ClientIDList`).
    pub client_ids: Option<Vec<String>>,
}

/// A Kubernetes ServiceAccount.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceAccount {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The annotation `eks.amazonaws.com/role-arn`.
    pub role_arn: Option<String>,
    /// The annotation `eks.amazonaws.com/audience`.
    pub audience: Option<String>,
    /// The annotation `eks.amazonaws.com/token-expiration`, in seconds.
    pub token_seconds: Option<u32>,
}

impl ServiceAccount {
    /// The subject of its tokens.
    pub(super) fn subject(&self) -> String {
        format!("system:serviceaccount:{}:{}", self.namespace, self.name)
    }
}
