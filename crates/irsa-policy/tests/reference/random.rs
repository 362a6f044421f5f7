//! Random policies and questions from small vocabularies, so that they meet often.

use std::collections::BTreeMap;

use irsa_policy::Principal;
use serde_json::{Map, Value, json};

use crate::evaluator::{Question, World};

const ACCOUNT: &str = "111122223333";

/// SplitMix64: small, and the same on every machine.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % limit as u64).unwrap()
    }

    fn one_in(&mut self, of: usize) -> bool {
        self.below(of) == 0
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }

    fn some(&mut self, from: &[&str], most: usize) -> Value {
        let values: Vec<&str> = (0..=self.below(most)).map(|_| self.pick(from)).collect();
        match values.as_slice() {
            [value] if self.one_in(2) => json!(value),
            values => json!(values),
        }
    }

    pub(crate) fn world(&mut self) -> World {
        let resource_is_trust = self.one_in(5);
        World {
            identity: self.policies(2, Speaker::Carrier),
            boundary: self.one_in(3).then(|| self.policy(Speaker::Carrier)),
            session: self.one_in(3).then(|| self.policies(2, Speaker::Carrier)),
            resource: self
                .one_in(2)
                .then(|| self.policy(if resource_is_trust { Speaker::Trust } else { Speaker::Named })),
            resource_is_trust,
            resource_must_allow: self.one_in(8),
            scp: if self.one_in(3) {
                (0..=self.below(2)).map(|_| self.policies(2, Speaker::Carrier)).collect()
            } else {
                vec![]
            },
            rcp: if self.one_in(4) {
                (0..=self.below(1)).map(|_| self.rcp_level()).collect()
            } else {
                vec![]
            },
            endpoint: if self.one_in(5) { self.policies(1, Speaker::Named) } else { vec![] },
        }
    }

    fn policies(&mut self, most: usize, speaker: Speaker) -> Vec<Value> {
        (0..=self.below(most)).map(|_| self.policy(speaker)).collect()
    }

    fn policy(&mut self, speaker: Speaker) -> Value {
        let mut statements: Vec<Value> = (0..=self.below(3)).map(|_| self.statement(speaker)).collect();
        // Most policies have something wide in them, or everything would be denied.
        if self.one_in(2) {
            let mut wide =
                json!({ "Effect": "Allow", "Action": if speaker == Speaker::Trust { "sts:*" } else { "*" } });
            if speaker != Speaker::Trust {
                wide["Resource"] = json!("*");
            }
            if speaker != Speaker::Carrier {
                wide["Principal"] = json!("*");
            }
            statements.push(wide);
        }
        json!({ "Version": self.pick(&["2012-10-17", "2012-10-17", "2012-10-17", "2008-10-17"]), "Statement": statements })
    }

    /// AWS's own policy, one that allows less, one that only denies.
    fn rcp_level(&mut self) -> Vec<Value> {
        let allow = json!({ "Effect": "Allow", "Principal": "*", "Action": self.pick(&["*", "*", "*", "s3:*"]), "Resource": "*" });
        let allow = json!({ "Version": "2012-10-17", "Statement": [allow] });
        match self.below(4) {
            0 => vec![allow],
            1 => vec![self.rcp()],
            _ => vec![allow, self.rcp()],
        }
    }

    fn rcp(&mut self) -> Value {
        let mut statement = json!({ "Effect": "Deny", "Principal": "*", "Action": self.some(&["s3:GetObject", "s3:Put*", "sts:*"], 2), "Resource": "*" });
        if self.one_in(2) {
            statement["Condition"] = self.conditions();
        }
        json!({ "Version": "2012-10-17", "Statement": [statement] })
    }

    fn statement(&mut self, speaker: Speaker) -> Value {
        let mut statement = Map::new();
        statement.insert("Effect".into(), self.pick(&["Allow", "Allow", "Allow", "Deny"]).into());
        let actions: &[&str] = match speaker {
            Speaker::Trust => &[
                "sts:AssumeRole",
                "sts:*",
                "sts:AssumeRole*",
                "STS:assumerolewithwebidentity",
                "sts:TagSession",
            ],
            _ => &[
                "s3:GetObject",
                "s3:PutObject",
                "S3:get*",
                "s3:*",
                "*",
                "s3:?etObject",
                "sts:AssumeRole",
                "s3:*Object*",
                "iam:*",
            ],
        };
        let negated = self.one_in(6);
        statement.insert(if negated { "NotAction" } else { "Action" }.into(), self.some(actions, 3));
        if speaker != Speaker::Trust {
            let resources = [
                "*",
                "arn:aws:s3:::b",
                "arn:aws:s3:::b/*",
                "arn:aws:s3:::b/k",
                "arn:aws:s3:::${aws:username}/*",
                "arn:aws:s3:::b/${aws:PrincipalTag/team, 'red'}/*",
                "arn:aws:s3:::*/k",
                "arn:aws:sqs:*:*:q",
                "arn:aws:sqs:eu-*:111122223333:?",
                "arn:aws:s3:::b/${*}",
                "arn:aws:iam::111122223333:role/*",
            ];
            let negated = self.one_in(6);
            statement
                .insert(if negated { "NotResource" } else { "Resource" }.into(), self.some(&resources, 3));
        }
        if speaker != Speaker::Carrier {
            let negated = speaker == Speaker::Named && self.one_in(6);
            let principal = self.principals(speaker);
            statement.insert(if negated { "NotPrincipal" } else { "Principal" }.into(), principal);
        }
        if self.one_in(2) {
            statement.insert("Condition".into(), self.conditions());
        }
        Value::Object(statement)
    }

    fn principals(&mut self, speaker: Speaker) -> Value {
        if self.one_in(6) {
            return json!("*");
        }
        let aws = [
            "111122223333",
            "arn:aws:iam::111122223333:root",
            "444455556666",
            "arn:aws:iam::111122223333:user/ann",
            "arn:aws:iam::111122223333:user/path/ann",
            "arn:aws:iam::111122223333:role/app",
            "arn:aws:iam::111122223333:role/path/app",
            "arn:aws:iam::444455556666:role/app",
            "arn:aws:sts::111122223333:assumed-role/app/s",
            "arn:aws:sts::111122223333:federated-user/f",
            "AROAAPPEXAMPLE000",
            "AIDAANNEXAMPLE000",
            "arn:aws:iam::111122223333:role/web",
            "*",
        ];
        let mut principals = Map::new();
        if !self.one_in(4) {
            principals.insert("AWS".into(), self.some(&aws, 3));
        }
        if principals.is_empty() || self.one_in(4) {
            principals.insert("Service".into(), self.some(&["ec2.amazonaws.com", "logs.amazonaws.com"], 2));
        }
        if speaker == Speaker::Trust && self.one_in(2) {
            let providers =
                ["arn:aws:iam::111122223333:oidc-provider/h/p", "arn:aws:iam::111122223333:oidc-provider/h"];
            principals.insert("Federated".into(), self.some(&providers, 2));
        }
        Value::Object(principals)
    }

    fn conditions(&mut self) -> Value {
        let mut operators: Map<String, Value> = Map::new();
        for _ in 0..=self.below(2) {
            let (base, keys, values): (_, &[&str], &[&str]) = match self.below(6) {
                0 => (
                    self.pick(&[
                        "StringEquals",
                        "StringNotEquals",
                        "StringLike",
                        "StringNotLike",
                        "StringEqualsIgnoreCase",
                        "StringNotEqualsIgnoreCase",
                    ]),
                    &["aws:username", "AWS:TagKeys", "h/p:sub", "absent", "aws:PrincipalTag/team"],
                    &[
                        "ann",
                        "a*",
                        "ANN",
                        "red",
                        "system:serviceaccount:dev:*",
                        "${aws:username}",
                        "${aws:PrincipalTag/Team}",
                        "${absent}",
                        "${absent, 'ann'}",
                        "?nn",
                        "",
                    ],
                ),
                1 => (
                    self.pick(&[
                        "NumericEquals",
                        "NumericNotEquals",
                        "NumericLessThan",
                        "NumericLessThanEquals",
                        "NumericGreaterThan",
                        "NumericGreaterThanEquals",
                    ]),
                    &["n", "absent", "aws:username"],
                    &["1", "10", "2.5", "-3", "ten"],
                ),
                2 => (
                    self.pick(&[
                        "DateEquals",
                        "DateNotEquals",
                        "DateLessThan",
                        "DateLessThanEquals",
                        "DateGreaterThan",
                        "DateGreaterThanEquals",
                    ]),
                    &["aws:CurrentTime", "absent", "aws:username"],
                    &["2026-01-01T00:00:00Z", "2026-06-01T12:00:00Z"],
                ),
                3 => (
                    self.pick(&["IpAddress", "NotIpAddress"]),
                    &["aws:SourceIp", "absent"],
                    &["10.0.0.0/8", "10.1.0.0/16", "0.0.0.0/0", "10.1.2.3", "192.0.2.0/33"],
                ),
                4 => (
                    self.pick(&["ArnEquals", "ArnNotEquals", "ArnLike", "ArnNotLike"]),
                    &["aws:PrincipalArn", "absent", "aws:username"],
                    &[
                        "arn:aws:iam::111122223333:role/*",
                        "arn:aws:iam::*:user/ann",
                        "*",
                        "arn:aws:sts",
                        "${aws:PrincipalArn}",
                        "not an arn",
                    ],
                ),
                _ => (
                    self.pick(&["Bool", "Null"]),
                    &["aws:SecureTransport", "absent", "aws:TagKeys"],
                    &["true", "false", "TRUE", "maybe"],
                ),
            };
            let form = if base == "Null" {
                "{}"
            } else {
                self.pick(&[
                    "{}",
                    "{}",
                    "{}IfExists",
                    "ForAllValues:{}",
                    "ForAnyValue:{}",
                    "ForAnyValue:{}IfExists",
                ])
            };
            let (key, values) = (self.pick(keys), self.some(values, 3));
            let operator = operators.entry(form.replace("{}", base)).or_insert_with(|| json!({}));
            operator[key] = values;
        }
        Value::Object(operators)
    }

    pub(crate) fn question(&mut self) -> Question {
        let mut context = BTreeMap::new();
        for (key, values) in [
            ("aws:username", &["ann", "bob", "a*", ""][..]),
            ("aws:tagkeys", &["ann", "red", "x"]),
            ("aws:principaltag/team", &["red", "blue"]),
            ("h/p:sub", &["system:serviceaccount:dev:app", "system:serviceaccount:prod:app"]),
            ("n", &["1", "2.50", "10", "-3", "ten"]),
            (
                "aws:currenttime",
                &["2026-01-01T00:00:00Z", "2026-03-01T00:00:00Z", "2027-01-01T00:00:00Z", "soon"],
            ),
            ("aws:sourceip", &["10.1.2.3", "10.2.0.1", "192.0.2.1", "nowhere"]),
            (
                "aws:principalarn",
                &["arn:aws:iam::111122223333:role/app", "arn:aws:iam::444455556666:user/ann", "nobody"],
            ),
            ("aws:securetransport", &["true", "false"]),
        ] {
            if !self.one_in(3) {
                let count = if self.one_in(4) { self.below(3) } else { 1 };
                context.insert(key.to_owned(), (0..count).map(|_| self.pick(values).to_owned()).collect());
            }
        }
        Question {
            principal: self.principal(),
            action: self
                .pick(&[
                    "s3:GetObject",
                    "s3:PutObject",
                    "S3:getobject",
                    "sts:AssumeRole",
                    "sts:AssumeRoleWithWebIdentity",
                    "iam:CreateRole",
                    "nonsense",
                ])
                .to_owned(),
            resource: self
                .pick(&[
                    "arn:aws:s3:::b",
                    "arn:aws:s3:::b/k",
                    "arn:aws:s3:::b/red/k",
                    "arn:aws:s3:::ann/k",
                    "arn:aws:s3:::b/*",
                    "arn:aws:sqs:eu-west-1:111122223333:q",
                    "arn:aws-cn:s3:::b/k",
                    "arn:aws:iam::111122223333:role/app",
                    "*",
                ])
                .to_owned(),
            owner: match self.below(4) {
                0 => None,
                1 => Some("444455556666".to_owned()),
                _ => Some(ACCOUNT.to_owned()),
            },
            context,
        }
    }

    fn principal(&mut self) -> Principal {
        let account = ACCOUNT.to_owned();
        match self.below(10) {
            0 => Principal::Anonymous,
            1 => Principal::Account { account },
            2 | 3 => Principal::User {
                account,
                arn: "arn:aws:iam::111122223333:user/path/ann".into(),
                id: "AIDAANNEXAMPLE000".into(),
            },
            4 => Principal::FederatedUser {
                account,
                arn: "arn:aws:sts::111122223333:federated-user/f".into(),
                user_arn: self.one_in(2).then(|| "arn:aws:iam::111122223333:user/ann".into()),
                user_id: self.one_in(2).then(|| "AIDAANNEXAMPLE000".into()),
            },
            5 => {
                Principal::WebIdentity { provider_arn: "arn:aws:iam::111122223333:oidc-provider/h/p".into() }
            }
            6 => Principal::Service { name: "ec2.amazonaws.com".into() },
            _ => Principal::RoleSession {
                account,
                role_arn: "arn:aws:iam::111122223333:role/app".into(),
                role_id: "AROAAPPEXAMPLE000".into(),
                session_arn: "arn:aws:sts::111122223333:assumed-role/app/s".into(),
            },
        }
    }
}

/// Whom a policy's statements speak to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Speaker {
    /// Whoever carries the policy.
    Carrier,
    /// Whom they name.
    Named,
    /// Whom they name, and of the role that they belong to.
    Trust,
}
