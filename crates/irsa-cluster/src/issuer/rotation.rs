//! Replacing a cluster's signing key without refusing a single token.
//!
//! Verifiers keep a key set for a while, and tokens live for a while; so a new key is published before it signs, and an old one
//! until the last token that it signed has expired. The state tells which keys are published and how far a rotation has come;
//! whoever keeps it keeps it beside the documents. Times are inputs, in Unix seconds.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::documents::MAX_AGE_SECONDS;
use super::keys::IssuerKey;

/// The longest life of a projected token that nobody has asked to be longer, in seconds.
pub const LONGEST_TOKEN_SECONDS: i64 = 86_400;

/// What is published at an issuer, and how far a rotation has come.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct State {
    /// The issuer's URL.
    pub issuer: String,
    /// Every key that is published.
    pub keys: Vec<PublishedKey>,
    /// When the API server began to sign with the newest key; absent while it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub switched: Option<i64>,
    /// The step whose documents are being written. It is recorded before the first of them and taken away after the last, so
    /// that whoever comes after an interruption knows what to complete, and two who write at once meet here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending: Option<Pending>,
}

/// A step that has begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// Which.
    pub step: Step,
    /// Since when, in Unix seconds: keys that are published since then, or later, came with the step.
    pub since: i64,
}

/// A step that changes what is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// [`State::first`] or [`State::publish`].
    Publish,
    /// [`State::add`].
    Add,
    /// [`State::switch`].
    Switch,
    /// [`State::finish`].
    Finish,
}

/// A published key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PublishedKey {
    /// Its name in tokens.
    pub kid: String,
    /// The algorithm that it verifies.
    pub algorithm: String,
    /// The key as a JWK.
    pub jwk: Value,
    /// When it was first published.
    pub published: i64,
}

/// What is to be done next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "step", rename_all = "kebab-case")]
pub enum Next {
    /// Nothing: one set of keys, and it signs.
    Nothing,
    /// Wait until every verifier has fetched the new key.
    WaitForVerifiers {
        /// Until when.
        until: i64,
    },
    /// Let the API server sign with the new key, and record it.
    Switch,
    /// Wait until the last token of an old key has expired.
    WaitForTokens {
        /// Until when.
        until: i64,
    },
    /// Take the old keys away.
    Finish,
}

/// Why a step cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RotationError {
    /// The key is published already.
    #[error("the key {0} is published already")]
    Known(String),
    /// A rotation is under way.
    #[error("a rotation is under way; finish it before another key is added")]
    UnderWay,
    /// There is no rotation.
    #[error("there is no rotation: add a key first")]
    None,
    /// Too early.
    #[error("it is too early: wait until {until} (Unix seconds)")]
    TooEarly {
        /// From when it can be done.
        until: i64,
    },
    /// The API server has not been told yet.
    #[error("the API server does not sign with the new key yet")]
    NotSwitched,
}

impl State {
    /// A first publication of these keys.
    #[must_use]
    pub fn first(issuer: &str, keys: &[IssuerKey], now: i64) -> State {
        let keys = keys.iter().map(|key| published(key, now)).collect();
        State { issuer: issuer.to_owned(), keys, switched: None, pending: None }
    }

    /// Publishes these keys again: those that are published already stay since when they were, the others begin now.
    pub fn publish(&mut self, keys: &[IssuerKey], now: i64) {
        for key in keys {
            match self.keys.iter_mut().find(|known| known.kid == key.kid) {
                Some(known) => known.jwk = key.jwk.clone(),
                None => self.keys.push(published(key, now)),
            }
        }
    }

    /// The state while the documents of `step` are being written.
    #[must_use]
    pub fn begun(&self, step: Step, now: i64) -> State {
        let since = match (step, self.keys.last()) {
            (Step::Add, Some(added)) => added.published,
            _ => now,
        };
        State { pending: Some(Pending { step, since }), ..self.clone() }
    }

    /// The state once they are written: keys that came with the step are published since now, not since it began.
    #[must_use]
    pub fn completed(&self, now: i64) -> State {
        let mut state = self.clone();
        if let Some(pending) = state.pending.take() {
            let new = state.keys.iter_mut().filter(|key| key.published >= pending.since);
            new.for_each(|key| key.published = key.published.max(now));
        }
        state
    }

    /// The keys as they are published, newest last.
    #[must_use]
    pub fn issuer_keys(&self) -> Vec<IssuerKey> {
        let key = |key: &PublishedKey| IssuerKey {
            kid: key.kid.clone(),
            algorithm: key.algorithm.clone(),
            jwk: key.jwk.clone(),
        };
        self.keys.iter().map(key).collect()
    }

    /// What is to be done next, when tokens live for at most `longest_token` seconds.
    #[must_use]
    pub fn next(&self, now: i64, longest_token: i64) -> Next {
        let Some(added) = self.added() else { return Next::Nothing };
        match self.switched {
            None if now < added + MAX_AGE_SECONDS => {
                Next::WaitForVerifiers { until: added + MAX_AGE_SECONDS }
            }
            None => Next::Switch,
            Some(switched) if now < switched + longest_token => {
                Next::WaitForTokens { until: switched + longest_token }
            }
            Some(_) => Next::Finish,
        }
    }

    /// Publishes a new key beside the others.
    ///
    /// # Errors
    /// [`RotationError::Known`], or [`RotationError::UnderWay`].
    pub fn add(&mut self, key: &IssuerKey, now: i64) -> Result<(), RotationError> {
        if self.keys.iter().any(|known| known.kid == key.kid) {
            return Err(RotationError::Known(key.kid.clone()));
        }
        if self.added().is_some() {
            return Err(RotationError::UnderWay);
        }
        // Later than the others, also within a second of them: that is what makes it a rotation.
        let newest = self.keys.iter().map(|key| key.published + 1).max();
        self.keys.push(published(key, newest.unwrap_or(now).max(now)));
        Ok(())
    }

    /// Records that the API server signs with the new key. Done again, it stays as it was recorded first.
    ///
    /// # Errors
    /// [`RotationError::None`], or [`RotationError::TooEarly`] while verifiers may not know the key.
    pub fn switch(&mut self, now: i64) -> Result<(), RotationError> {
        let added = self.added().ok_or(RotationError::None)?;
        let until = added + MAX_AGE_SECONDS;
        if now < until {
            return Err(RotationError::TooEarly { until });
        }
        self.switched.get_or_insert(now);
        Ok(())
    }

    /// Takes away every key but the newest.
    ///
    /// # Errors
    /// [`RotationError::None`], [`RotationError::NotSwitched`], or [`RotationError::TooEarly`] while tokens of an old key live.
    pub fn finish(&mut self, now: i64, longest_token: i64) -> Result<(), RotationError> {
        self.added().ok_or(RotationError::None)?;
        let switched = self.switched.ok_or(RotationError::NotSwitched)?;
        let until = switched + longest_token;
        if now < until {
            return Err(RotationError::TooEarly { until });
        }
        self.keys.drain(..self.keys.len().saturating_sub(1));
        self.switched = None;
        Ok(())
    }

    /// When the newest key was published, if it was published after the others: then a rotation is under way.
    fn added(&self) -> Option<i64> {
        let (newest, older) = self.keys.split_last()?;
        older.iter().any(|key| key.published < newest.published).then_some(newest.published)
    }
}

fn published(key: &IssuerKey, now: i64) -> PublishedKey {
    PublishedKey {
        kid: key.kid.clone(),
        algorithm: key.algorithm.clone(),
        jwk: key.jwk.clone(),
        published: now,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const START: i64 = 1_795_600_000;
    const DAY: i64 = LONGEST_TOKEN_SECONDS;

    fn key(kid: &str) -> IssuerKey {
        IssuerKey { kid: kid.into(), algorithm: "RS256".into(), jwk: json!({ "kid": kid }) }
    }

    #[test]
    fn a_rotation_waits_for_verifiers_and_then_for_tokens() {
        let mut state = State::first("https://a", &[key("old")], START);
        assert_eq!(state.next(START, DAY), Next::Nothing);
        let added = START + 10;
        state.add(&key("new"), added).unwrap();
        assert_eq!(state.next(added, DAY), Next::WaitForVerifiers { until: added + 3_600 });
        assert_eq!(state.switch(added + 3_599), Err(RotationError::TooEarly { until: added + 3_600 }));
        assert_eq!(state.finish(added + DAY, DAY), Err(RotationError::NotSwitched));
        let switched = added + 3_600;
        assert_eq!(state.next(switched, DAY), Next::Switch);
        state.switch(switched).unwrap();
        state.switch(switched + 60).unwrap();
        assert_eq!(state.next(switched + 60, DAY), Next::WaitForTokens { until: switched + DAY });
        assert_eq!(
            state.finish(switched + DAY - 1, DAY),
            Err(RotationError::TooEarly { until: switched + DAY })
        );
        assert_eq!(state.keys.len(), 2, "both are published to the end");
        assert_eq!(state.next(switched + DAY, DAY), Next::Finish);
        state.finish(switched + DAY, DAY).unwrap();
        assert_eq!(state.issuer_keys(), [key("new")]);
        assert_eq!(state.next(switched + DAY, DAY), Next::Nothing);
    }

    #[test]
    fn one_rotation_at_a_time() {
        let mut state = State::first("https://a", &[key("one"), key("two")], START);
        assert_eq!(state.add(&key("two"), START), Err(RotationError::Known("two".into())));
        assert_eq!(state.switch(START), Err(RotationError::None));
        assert_eq!(state.finish(START, DAY), Err(RotationError::None));
        state.add(&key("three"), START + 1).unwrap();
        assert_eq!(state.add(&key("four"), START + 2), Err(RotationError::UnderWay));
    }

    #[test]
    fn a_key_counts_from_when_its_documents_were_written() {
        let mut state = State::first("https://a", &[key("old")], START);
        state.add(&key("new"), START + 10).unwrap();
        let begun = state.begun(Step::Add, START + 10);
        assert_eq!(begun.pending, Some(Pending { step: Step::Add, since: START + 10 }));
        let later = START + DAY;
        let completed = begun.completed(later);
        assert_eq!(completed.pending, None);
        let published: Vec<_> = completed.keys.iter().map(|key| key.published).collect();
        assert_eq!(published, [START, later]);
        assert_eq!(completed.next(later, DAY), Next::WaitForVerifiers { until: later + 3_600 });
        assert_eq!(completed.completed(later + 1), completed, "once");
    }

    #[test]
    fn a_rotation_within_the_second_of_the_publication_is_one() {
        let mut state = State::first("https://a", &[key("old")], START);
        state.add(&key("new"), START).unwrap();
        let completed = state.begun(Step::Add, START).completed(START + 5);
        let published: Vec<_> = completed.keys.iter().map(|key| key.published).collect();
        assert_eq!(published, [START, START + 5]);
        assert_eq!(state.begun(Step::Add, START).completed(START).next(START, DAY), state.next(START, DAY));
    }

    #[test]
    fn publishing_again_forgets_nothing() {
        let mut state = State::first("https://a", &[key("old")], START);
        state.add(&key("new"), START + 10).unwrap();
        state.switch(START + 3_610).unwrap();
        let before = state.clone();
        state.publish(&[key("new"), key("old")], START + 4_000);
        assert_eq!(state, before);
        state.publish(&[key("third")], START + 4_000);
        assert_eq!(state.keys.last().unwrap().published, START + 4_000);
    }

    #[test]
    fn the_state_survives_being_written() {
        let mut state = State::first("https://a", &[key("old")], START);
        state.add(&key("new"), START + 1).unwrap();
        let text = serde_json::to_string(&state).unwrap();
        assert_eq!(serde_json::from_str::<State>(&text).unwrap(), state);
        let begun = state.begun(Step::Add, START);
        let text = serde_json::to_string(&begun).unwrap();
        assert!(text.ends_with(r#""pending":{"step":"add","since":1795600001}}"#), "{text}");
        assert_eq!(serde_json::from_str::<State>(&text).unwrap(), begun);
    }
}
