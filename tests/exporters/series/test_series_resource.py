"""What resources and external labels add to series."""

from series_data import TIME, batch, gauge, joined, labels_of_only, point, samples, translated

from otel_kubecost.exporters.series.translate import Translator

SERVICE = {"service.name": "shop", "service.namespace": "web", "service.instance.id": "i-1"}


def test_a_kubecost_resource_is_two_labels_and_nothing_else():
    """Tenant and cluster are labels of every series; there is no job and no target_info."""
    data = batch(gauge("m"), resource={"tenant.id": "t", "k8s.cluster.name": "prod"})
    assert translated(data) == [("m", {"tenant_id": "t", "cluster": "prod"}, TIME, 1.0)]


def test_other_resource_attributes_are_not_labels_of_series():
    """Defect 19: a new process does not make new series of what its resource happens to say."""
    resource = {"telemetry.sdk.name": "x", "process.pid": 4}
    assert labels_of_only(batch(gauge("m"), resource=resource)) == {}


def test_a_service_is_named_by_job_and_instance():
    """The job is namespace/name, instance the service's id; both on every series."""
    assert labels_of_only(batch(gauge("m"), resource=SERVICE)) == {
        "job": "web/shop",
        "instance": "i-1",
    }


def test_a_job_without_namespace_is_the_name_alone():
    """Without service.namespace the job is service.name; a namespace alone names nobody."""
    assert labels_of_only(batch(gauge("m"), resource={"service.name": "a"})) == {"job": "a"}
    assert labels_of_only(batch(gauge("m"), resource={"service.namespace": "a"})) == {}


def test_the_rest_of_a_resource_is_in_target_info():
    """target_info has job, instance, the promoted and all other attributes, at the newest time."""
    resource = {**SERVICE, "tenant.id": "t", "os.type": "linux", "process.pid": 4}
    metrics = gauge("m", point(time=TIME + 5)), gauge("n", point(2, {"a": "b"}, TIME))
    data = batch(*metrics, resource=resource)
    identity = {"job": "web/shop", "instance": "i-1", "tenant_id": "t"}
    info = {**identity, "os_type": "linux", "process_pid": "4"}
    assert translated(data) == [
        ("m", identity, TIME + 5, 1.0),
        ("n", {**identity, "a": "b"}, TIME, 2.0),
        ("target_info", info, TIME + 5, 1.0),
    ]
    assert [name for name, *_ in translated(data, target_info=False)] == ["m", "n"]


def test_target_info_needs_someone_to_be_about_and_something_to_say():
    """Neither attributes without job or instance, nor a job alone, make a target_info."""
    for resource in ({"os.type": "linux"}, SERVICE, {**SERVICE, "tenant.id": "t"}):
        names = [name for name, *_ in translated(batch(gauge("m"), resource=resource))]
        assert names == ["m"]


def test_target_info_leaves_with_the_samples_of_its_resource():
    """A resource without samples has no target_info, but its origin is there to say so."""
    resource = {**SERVICE, "os.type": "linux"}
    full = Translator().by_scope(batch(gauge("m"), resource=resource))
    empty = Translator().by_scope(batch(resource=resource))
    assert [scope.origin for scope in full] == [scope.origin for scope in empty]
    assert [[family.name for family in scope.families] for scope in full] == [
        ["m"],
        ["target_info"],
    ]
    assert [scope.families for scope in empty] == [[], []]


def test_a_points_own_attribute_wins():
    """Defect 3: one label for point and resource, with the point's value; external labels last."""
    data = batch(
        gauge("m", point(attributes={"cluster": "point", "k8s.pod.name": "p"})),
        resource={"k8s.cluster.name": "resource", "tenant.id": "t"},
    )
    labels = labels_of_only(data, external_labels={"tenant_id": "x", "pod": "x", "region": "eu"})
    assert labels == {"cluster": "point", "pod": "p", "tenant_id": "t", "region": "eu"}


def test_an_empty_attribute_does_not_hide_the_resources():
    """An attribute without text is absent, so the label that a series inherits stays."""
    data = batch(gauge("m", point(attributes={"tenant.id": ""})), resource={"tenant.id": "t"})
    assert labels_of_only(data) == {"tenant_id": "t"}


def test_promotion_and_names_are_settings():
    """Any resource attribute can be a label of every series, under any name."""
    data = batch(gauge("m"), resource={"cloud.region": "eu", "tenant.id": "t"})
    labels = labels_of_only(
        data, promote_resource_attributes=("cloud.region",), label_names={"cloud.region": "region"}
    )
    assert labels == {"region": "eu"}


def test_origins_do_not_depend_on_the_order_of_attributes():
    """The same resource and scope are the same origin from batch to batch."""
    one = Translator().by_scope(batch(gauge("m"), resource={"a": "1", "b": "2"}))
    two = Translator().by_scope(batch(gauge("n"), resource={"b": "2", "a": "1"}))
    other = Translator().by_scope(batch(gauge("m"), resource={"a": "1", "b": "3"}))
    assert one[0].origin == two[0].origin != other[0].origin


def test_equal_resources_are_one_origin():
    """A resource that comes in two pieces is put together: its last piece does not stand alone."""
    data = joined(batch(gauge("a"), resource={"r": "1"}), batch(gauge("b"), resource={"r": "1"}))
    [scope] = Translator().by_scope(data)
    assert [name for name, *_ in samples(scope.families)] == ["a", "b"]
