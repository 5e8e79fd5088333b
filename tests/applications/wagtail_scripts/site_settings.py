"""The settings that `wagtail start` has made, with one application more and the database that is named."""

import os

from owls.settings.dev import *  # noqa: F403
from owls.settings.dev import INSTALLED_APPS

INSTALLED_APPS = ["news", *INSTALLED_APPS]
ALLOWED_HOSTS = ["localhost", "testserver"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
WAGTAIL_ENABLE_UPDATE_CHECK = False
if "SITE_DATABASE" in os.environ:
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": os.environ["SITE_DATABASE"],
            "USER": os.environ["SITE_USER"],
            "HOST": os.environ["SITE_HOST"],
        }
    }
