//! A decision does not allocate: not on the allow path, and not on the deny path either.

#[path = "../benches/policy/scenes.rs"]
mod scenes;

#[test]
fn deciding_allocates_nothing() {
    for (name, scene) in [
        ("two statements", scenes::two_statements()),
        ("trust", scenes::trust()),
        ("full stack", scenes::full_stack()),
        ("long policy", scenes::attached(1, 1_000)),
        ("many policies", scenes::attached(20, 50)),
        ("adversarial glob", scenes::adversarial_glob(512)),
    ] {
        // Attaching the policies allocates, so a thousand decisions must allocate as much as one.
        let count = |times| {
            let measured = allocation_counter::measure(|| {
                std::hint::black_box(scene.decide(times));
            });
            measured.count_total
        };
        assert_eq!(count(1_000), count(1), "{name}");
    }
}
