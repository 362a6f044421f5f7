//! Any JSON as a pod and as its ServiceAccount: the patch applies, and what was there before is still there.
#![no_main]
use irsa_cluster::mutate::{Account, Pod, Rules, ServiceAccountFacts, Settings, mutate};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|input: (&str, &str)| {
    let (Ok(pod), Ok(account)) = (serde_json::from_str::<Value>(input.0), serde_json::from_str::<Value>(input.1)) else {
        return;
    };
    let mut facts = ServiceAccountFacts::of(&account, "eks.amazonaws.com");
    facts.role_arn.get_or_insert_with(|| "arn:aws:iam::111122223333:role/r".to_owned());
    let Ok(read) = Pod::of(&pod) else { return };
    let account = Account { namespace: read.namespace(), name: read.service_account(), facts: Some(&facts) };
    let Ok(mutation) = mutate(&read, &account, &Rules::of(&Settings::default())) else { return };
    let mut patched = pod.clone();
    if mutation.patch.apply_to(&mut patched).is_ok() {
        let names = |pod: &Value| -> Vec<Value> {
            pod.pointer("/spec/containers").and_then(Value::as_array).into_iter().flatten().map(|c| c["name"].clone()).collect()
        };
        assert_eq!(names(&pod), names(&patched));
    }
});
