//! Merging, pruning and the sets of fields.

use serde_json::json;

use super::*;

fn apply(manager: &str, is_forced: bool, live: &Value, config: &Value) -> Result<Value, Failure> {
    let apply = Apply {
        who: Who {
            is_update: false,
            manager: manager.to_owned(),
            api_version: "apps/v1".to_owned(),
            subresource: String::new(),
        },
        is_forced,
        schema: Schema::builtin("apps", "Deployment"),
        has_status: true,
        is_custom: false,
        now: Timestamp::UNIX_EPOCH,
    };
    apply.to(live, config)
}

fn containers(images: &[(&str, &str)]) -> Value {
    let list: Vec<Value> = images
        .iter()
        .map(|(name, image)| json!({"name": name, "image": image}))
        .collect();
    json!({"spec": {"template": {"spec": {"containers": list}}}})
}

fn names(object: &Value) -> Vec<&str> {
    let list = object["spec"]["template"]["spec"]["containers"].as_array();
    list.into_iter()
        .flatten()
        .filter_map(|one| one["name"].as_str())
        .collect()
}

#[test]
fn lists_by_key_are_merged_by_it_and_each_has_its_own() {
    let blank = json!({"metadata": {}});
    let first = apply("a", false, &blank, &containers(&[("x", "1"), ("y", "1")])).expect("applied");
    let both = apply("b", false, &first, &containers(&[("z", "1")])).expect("applied");
    assert_eq!(names(&both), ["x", "y", "z"]);
    let less = apply("a", false, &both, &containers(&[("x", "1")])).expect("applied");
    assert_eq!(
        names(&less),
        ["x", "z"],
        "what is applied no more goes, what others have stays"
    );
}

#[test]
fn a_conflict_names_the_field_and_its_manager() {
    let blank = json!({"metadata": {}});
    let live = apply("a", false, &blank, &containers(&[("x", "1")])).expect("applied");
    let refused = apply("b", false, &live, &containers(&[("x", "2")])).expect_err("a conflict");
    assert_eq!(
        refused.message,
        "Apply failed with 1 conflict: conflict with \"a\": \
         .spec.template.spec.containers[name=\"x\"].image"
    );
    let forced = apply("b", true, &live, &containers(&[("x", "2")])).expect("forced");
    assert_eq!(
        forced["spec"]["template"]["spec"]["containers"][0]["image"],
        "2"
    );
    let again = apply("b", false, &forced, &containers(&[("x", "3")])).expect("its own now");
    assert_eq!(
        again["spec"]["template"]["spec"]["containers"][0]["image"],
        "3"
    );
}

#[test]
fn what_two_apply_alike_goes_only_with_the_last_of_them() {
    let blank = json!({"metadata": {}});
    let replicas = json!({"spec": {"replicas": 1}});
    let live = apply("a", false, &blank, &replicas).expect("applied");
    let live = apply("b", false, &live, &replicas).expect("no conflict: the same value");
    let live = apply("a", false, &live, &json!({})).expect("applied");
    assert_eq!(live["spec"]["replicas"], 1);
    let live = apply("b", false, &live, &json!({})).expect("applied");
    assert!(live.get("spec").is_none());
}

#[test]
fn the_status_is_not_applied_with_the_rest() {
    let config = json!({"spec": {"replicas": 1}, "status": {"replicas": 7}});
    let live = apply("a", false, &json!({"metadata": {}}), &config).expect("applied");
    assert!(live.get("status").is_none());
    let fields = &live["metadata"]["managedFields"][0]["fieldsV1"];
    assert_eq!(*fields, json!({"f:spec": {"f:replicas": {}}}));
}

#[test]
fn sets_of_fields_are_read_back_as_they_are_written() {
    let json =
        json!({"f:a": {".": {}, "f:b": {}}, "f:c": {"k:{\"n\":\"x\"}": {".": {}, "f:n": {}}}});
    assert_eq!(Fields::from_json(&json).to_json(), json);
}

#[test]
fn kubectl_takes_over_what_it_applied_in_the_old_way() {
    let annotation = "kubectl.kubernetes.io/last-applied-configuration";
    let last = json!({"apiVersion": "apps/v1", "spec": {"replicas": 1}}).to_string();
    let mut live = json!({
        "metadata": {"uid": "u", "annotations": {annotation: last}},
        "spec": {"replicas": 1, "paused": false},
    });
    let old_way = Who {
        is_update: true,
        manager: "kubectl-client-side-apply".to_owned(),
        api_version: "apps/v1".to_owned(),
        subresource: String::new(),
    };
    let mut managers = Managers::default();
    let blank = json!({"metadata": {}});
    managers.updated(old_way, &blank, &live, None, None, Timestamp::UNIX_EPOCH);
    managers.write(&mut live);

    let config = json!({"spec": {"replicas": 2}});
    let other = apply("other", false, &live, &config).expect_err("a conflict");
    assert!(
        other.message.contains(".spec.replicas"),
        "{}",
        other.message
    );
    let object = apply("kubectl", false, &live, &config).expect("no conflict");
    assert_eq!(object["spec"]["replicas"], 2);
    let kept = "{\"spec\":{\"replicas\":2}}\n";
    assert_eq!(object["metadata"]["annotations"][annotation], kept);

    let config = json!({"spec": {"replicas": 2, "paused": true}});
    let failure = apply("kubectl", false, &live, &config).expect_err("a conflict");
    let words = "Apply failed with 1 conflict: conflict with \"kubectl-client-side-apply\" using \
                 apps/v1: .spec.paused";
    assert_eq!(failure.message, words);
}
