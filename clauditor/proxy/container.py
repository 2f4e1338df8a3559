"""What happens once before the compose stack starts: private directories, and Envoy's configuration in them.

`python -m clauditor.proxy.container` takes the settings from the environment, as every command does. It needs
neither Envoy nor the sidecar, and neither needs it again: a restart finds the files in their volume.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import replace

from clauditor.config import load_settings, require_upstream_consent
from clauditor.errors import ClauditorError
from clauditor.proxy.bootstrap import CONTAINER, render
from clauditor.proxy.rundir import RunDir
from clauditor.proxy.upstream import Upstream, proxy_address, trusted_certificates


def prepare(environ: Mapping[str, str]) -> None:
    """Write the configuration that Envoy's container reads; raises ClauditorError for settings that cannot be."""
    settings = load_settings(environ=environ)
    require_upstream_consent(settings)
    run = RunDir(settings.data_dir)
    run.prepare()
    config = replace(
        CONTAINER,
        upstream=Upstream.of(settings.upstream),
        upstream_proxy=proxy_address(settings, environ),
    )
    if settings.upstream_ca is not None:  # otherwise Envoy's image brings the usual certificates
        run.write(run.upstream_ca, trusted_certificates(settings, environ))
        config = replace(config, upstream_ca=run.upstream_ca)
    run.write(run.envoy_config, render(config))


if __name__ == "__main__":
    try:
        prepare(os.environ)
    except ClauditorError as error:
        sys.exit(str(error))
