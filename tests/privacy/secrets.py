"""Secrets in the formats that people really paste, all of them made up from a seed.

In a template `<an36>` stands for 36 letters and digits (`ALPHABETS` names the kinds) and `⟦…⟧` for what must not be
seen afterwards. Formats as their vendors document them; the public rules of secret scanners served as a checklist.
No value here was ever valid, and none stands in the source as a whole.
"""

from __future__ import annotations

import base64
import json
import random
import re
import string
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from clauditor.demo.seeded import dice

_LOWER, _UPPER, _DIGITS = string.ascii_lowercase, string.ascii_uppercase, string.digits

ALPHABETS: Final = {
    "an": _LOWER + _UPPER + _DIGITS,
    "lo": _LOWER + _DIGITS,
    "up": _UPPER + _DIGITS,
    "b32": _UPPER + "234567",
    "al": _LOWER + _UPPER,
    "dg": _DIGITS,
    "hex": _DIGITS + "abcdef",
    "b64": _LOWER + _UPPER + _DIGITS + "+/",
    "url": _LOWER + _UPPER + _DIGITS + "-_",
}
_SLOT: Final = re.compile(r"<(" + "|".join(sorted(ALPHABETS, key=len, reverse=True)) + r")(\d+)>")
_MARKED: Final = re.compile(r"⟦(.*?)⟧", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """A text with secrets in it. `format` names what it stands for."""

    format: str
    text: str
    secrets: tuple[str, ...]

    def leaks(self, shown: str) -> list[str]:
        """Which secrets can be seen in `shown`: whole, or eight characters of one in a row."""
        return [secret for secret in self.secrets if any(piece in shown for piece in pieces(secret))]


def pieces(secret: str, length: int = 8) -> set[str]:
    return {secret[i : i + length] for i in range(max(1, len(secret) - length + 1))}


def fill(template: str, chance: random.Random) -> str:
    filled = _SLOT.sub(lambda slot: "".join(chance.choices(ALPHABETS[slot[1]], k=int(slot[2]))), template)
    return filled.replace("<uuid>", _uuid(chance))


def planted(name: str, template: str, chance: random.Random) -> Planted:
    filled = fill(template, chance)
    return Planted(format=name, text=_MARKED.sub(r"\1", filled), secrets=tuple(_MARKED.findall(filled)))


def _uuid(chance: random.Random) -> str:
    return "-".join("".join(chance.choices(ALPHABETS["hex"], k=length)) for length in (8, 4, 4, 4, 12))


# -- tokens that can be told by themselves ------------------------------------------------------------------

TOKENS: Final = {
    "1password secret key": "A3-<up6>-<up6>-<up5>-<up5>-<up5>-<up5>",
    "1password service account": "ops_eyJ<an250>",
    "adobe client secret": "p8e-<lo32>",
    "age secret key": "AGE-SECRET-KEY-1<up58>",
    "airtable personal token": "pat<an14>.<hex64>",
    "alibaba access key": "LTAI<an20>",
    "anthropic api key": "sk-ant-api03-<url93>AA",
    "anthropic admin key": "sk-ant-admin01-<url93>AA",
    "anthropic oauth token": "sk-ant-oat01-<url93>AA",
    "artifactory api key": "AKCp<an69>",
    "artifactory reference token": "cmVmd<an59>",
    "asana personal token": "1/<dg16>:<hex32>",
    "atlassian api token": "ATATT3<url186>",
    "atlassian bitbucket token": "ATBB<an24><up8>",
    "aws access key id": "AKIA<b3216>",
    "aws temporary key id": "ASIA<b3216>",
    "aws secret access key": "<b6440>",
    "aws bedrock api key": "ABSK<b64109>=",
    "aws session token": "IQoJb3JpZ2luX2Vj<b64300>==",
    "azure ad client secret": "<an3>8Q~<an34>",
    "azure storage key": "<b6486>==",
    "azure devops token": "<lo52>",
    "azure function key": "<url44>AzFu<url8>==",
    "brevo api key": "xkeysib-<hex64>-<an16>",
    "buildkite agent token": "bkua_<hex40>",
    "circleci token": "CCIPAT_<an22>_<hex40>",
    "clickhouse cloud secret": "4b1d<an38>",
    "clojars token": "CLOJARS_<hex60>",
    "cloudflare api token": "<url40>",
    "cloudflare origin ca key": "v1.0-<hex24>-<hex146>",
    "cohere api key": "<an40>",
    "confluent secret": "<b6464>",
    "contentful token": "CFPAT-<url43>",
    "databricks token": "dapi<hex32>",
    "datadog api key": "<hex32>",
    "deepseek api key": "sk-<hex32>",
    "digitalocean oauth token": "doo_v1_<hex64>",
    "digitalocean personal token": "dop_v1_<hex64>",
    "digitalocean refresh token": "dor_v1_<hex64>",
    "discord bot token": "M<an23>.<url6>.<url38>",
    "docker hub token": "dckr_pat_<url27>",
    "docker hub org token": "dckr_oat_<url32>",
    "doppler token": "dp.pt.<an43>",
    "doppler service token": "dp.st.prd.<an43>",
    "duffel token": "duffel_live_<url43>",
    "dynatrace token": "dt0c01.<up24>.<up64>",
    "easypost key": "EZAK<an54>",
    "facebook page token": "EAAC<an120>",
    "fastly token": "<url32>",
    "figma token": "figd_<url40>",
    "flutterwave secret": "FLWSECK_TEST-<hex32>-X",
    "fly.io token": "fm2_<b64120>",
    "frame.io token": "fio-u-<url64>",
    "gcp api key": "AIza<url35>",
    "gcp oauth access token": "ya29.<url120>",
    "gcp oauth client secret": "GOCSPX-<url28>",
    "gcp refresh token": "1//0<url96>",
    "github personal token": "ghp_<an36>",
    "github oauth token": "gho_<an36>",
    "github user token": "ghu_<an36>",
    "github server token": "ghs_<an36>",
    "github refresh token": "ghr_<an36>",
    "github fine-grained token": "github_pat_<an22>_<an59>",
    "gitlab personal token": "glpat-<url20>",
    "gitlab routable token": "glpat-<url27>.01.<lo9>",
    "gitlab deploy token": "gldt-<url20>",
    "gitlab runner token": "glrt-<url20>",
    "gitlab runner registration": "GR1348941<url20>",
    "gitlab trigger token": "glptt-<hex40>",
    "gitlab feed token": "glft-<url20>",
    "gitlab job token": "glcbt-64_<url20>",
    "gitlab oauth secret": "gloas-<hex64>",
    "gitlab scim token": "glsoat-<url20>",
    "gitlab agent token": "glagent-<url50>",
    "grafana api key": "eyJrIjoi<an80>==",
    "grafana cloud token": "glc_<b6480>==",
    "grafana service account": "glsa_<an32>_<hex8>",
    "groq api key": "gsk_<an52>",
    "harness token": "pat.<url22>.<an24>.<an20>",
    "hashicorp terraform token": "<an14>.atlasv1.<url64>",
    "hashicorp vault service token": "hvs.<url95>",
    "hashicorp vault batch token": "hvb.<url150>",
    "heroku api key v2": "HRKU-AA<url58>",
    "hubspot private app": "pat-na1-<uuid>",
    "hugging face token": "hf_<al34>",
    "hugging face org token": "api_org_<al34>",
    "infracost token": "ico-<an32>",
    "jfrog identity token": "<an64>",
    "json web token": "eyJ<url30>.eyJ<url60>.<url43>",
    "json web token, cut": "eyJ<url30>.eyJ<url60>",
    "langsmith key": "lsv2_pt_<hex32>_<hex10>",
    "launchdarkly sdk key": "sdk-<uuid>",
    "linear api key": "lin_api_<an40>",
    "linear oauth token": "lin_oauth_<hex64>",
    "mailchimp key": "<hex32>-us12",
    "mailgun key": "key-<hex32>",
    "mailgun signing key": "<hex32>-<hex8>-<hex8>",
    "mapbox secret token": "sk.eyJ<an80>.<url22>",
    "maxmind license key": "<an6>_<an29>_mmk",
    "mistral api key": "<an32>",
    "netlify token": "nfp_<an36>",
    "new relic user key": "NRAK-<up27>",
    "new relic license": "<hex36>NRAL",
    "new relic insert key": "NRII-<url32>",
    "new relic browser key": "NRJS-<hex19>",
    "notion token": "ntn_<dg11><an35>",
    "notion secret": "secret_<an43>",
    "npm token": "npm_<an36>",
    "octopus deploy key": "API-<up26>",
    "okta token": "00<url40>",
    "openai api key": "sk-<an20>T3BlbkFJ<an20>",
    "openai project key": "sk-proj-<url74>T3BlbkFJ<url74>",
    "openai service account": "sk-svcacct-<url58>T3BlbkFJ<url58>",
    "openrouter key": "sk-or-v1-<hex64>",
    "openshift token": "sha256~<url43>",
    "perplexity key": "pplx-<an48>",
    "pinecone key": "pcsk_<an6>_<an62>",
    "plaid access token": "access-sandbox-<uuid>",
    "planetscale password": "pscale_pw_<url43>",
    "planetscale token": "pscale_tkn_<url43>",
    "postman key": "PMAK-<hex24>-<hex34>",
    "posthog personal key": "phx_<an44>",
    "prefect token": "pnu_<an36>",
    "pulumi token": "pul-<hex40>",
    "pypi token": "pypi-AgEIcHlwaS5vcmc<url70>",
    "readme token": "rdme_<lo70>",
    "render api key": "rnd_<an28>",
    "replicate token": "r8_<an37>",
    "rubygems token": "rubygems_<hex48>",
    "scalingo token": "tk-us-<url48>",
    "sendgrid key": "SG.<url22>.<url43>",
    "sentry org token": "sntrys_eyJpYXQiO<an60>=_<an43>",
    "sentry user token": "sntryu_<hex64>",
    "shippo token": "shippo_live_<hex40>",
    "shopify access token": "shpat_<hex32>",
    "shopify custom app": "shpca_<hex32>",
    "shopify private app": "shppa_<hex32>",
    "shopify shared secret": "shpss_<hex32>",
    "slack bot token": "xoxb-<dg12>-<dg12>-<an24>",
    "slack user token": "xoxp-<dg12>-<dg12>-<dg12>-<hex32>",
    "slack app token": "xapp-1-A<up10>-<dg13>-<hex64>",
    "slack config token": "xoxe.xoxp-1-<an160>",
    "slack refresh token": "xoxe-1-<an146>",
    "slack legacy token": "xoxs-<dg10>-<dg10>-<dg10>-<hex10>",
    "sonarqube token": "squ_<hex40>",
    "sourcegraph token": "sgp_<hex40>",
    "square access token": "EAAA<url60>",
    "square oauth secret": "sq0csp-<url43>",
    "stripe live key": "sk_live_<an24>",
    "stripe live key, long": "sk_live_51<an97>",
    "stripe restricted key": "rk_live_<an24>",
    "stripe test key": "sk_test_<an24>",
    "stripe webhook secret": "whsec_<an32>",
    "supabase service token": "sbp_<hex40>",
    "supabase secret key": "sb_secret_<url31>",
    "tailscale auth key": "tskey-auth-<an17>-<an32>",
    "telegram bot token": "<dg10>:AA<url33>",
    "together key": "tgp_v1_<url43>",
    "twilio api key": "SK<hex32>",
    "twilio account id": "AC<hex32>",
    "twitter bearer token": "AAAAAAAAAAAAAAAAAAAAAA<an90>",
    "twitter access token": "<dg19>-<an40>",
    "typeform token": "tfp_<url59>",
    "vercel token": "vcp_<an56>",
    "xai key": "xai-<an80>",
    "yandex api key": "AQVN<url36>",
    "zapier key": "sk-ak-<an40>",
    "hex run of 32": "<hex32>",
    "hex run of 48": "<hex48>",
    "hex run of 128": "<hex128>",
    "base64 run of 44": "<b6443>=",
    "base64 run of 64": "<b6464>",
    "base64url run of 48": "<url48>",
}

SENTENCES: Final = (
    "use {} to call the api",
    "why does {} not work any more?",
    'client = Client("{}")',
    "{}",
    "I get a 401 with {}, please look",
    "put `{}` into the deployment",
)


# -- secrets that what stands around them gives away ----------------------------------------------------------

CONTEXTS: Final = {
    "authorization bearer": "curl -H 'Authorization: Bearer ⟦<an20>⟧' https://api.example.com",
    "authorization bearer, short": "Authorization: Bearer ⟦<an12>⟧",
    "authorization basic": "Authorization: Basic ⟦<al20>==⟧",
    "authorization token": "Authorization: token ⟦<lo20>⟧",
    "authorization api key": "Authorization: ApiKey ⟦<an22>==⟧",
    "authorization without scheme": "authorization: ⟦<lo18>⟧",
    "authorization digest": 'Authorization: Digest username="bob", realm="x", nonce="⟦<hex24>⟧", response="⟦<hex32>⟧"',
    "authorization aws4": "Authorization: AWS4-HMAC-SHA256 Credential=⟦AKIA<b3216>⟧/20261102/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=⟦<hex64>⟧",
    "authorization in json": '{"headers": {"Authorization": "Bearer ⟦<an18>⟧"}}',
    "proxy authorization": "Proxy-Authorization: Basic ⟦<an16>⟧",
    "www bearer in prose": "the server only takes bearer ⟦<lo24>⟧ from us",
    "x-api-key header": "x-api-key: ⟦<lo18>⟧",
    "x-auth-token header": "X-Auth-Token: ⟦<lo18>⟧",
    "x-vault-token header": "X-Vault-Token: ⟦s.<an24>⟧",
    "private-token header": "PRIVATE-TOKEN: ⟦<url20>⟧",
    "ocp subscription header": "Ocp-Apim-Subscription-Key: ⟦<lo18>⟧",
    "x-amz-security-token": "x-amz-security-token: ⟦<b6480>⟧",
    "cookie header": "Cookie: session=⟦<lo18>⟧; theme=dark; csrf=⟦<lo16>⟧",
    "cookie header, one": "Cookie: sid=⟦<url14>⟧",
    "set-cookie header": "Set-Cookie: connect.sid=⟦s%3A<url20>⟧; Path=/; HttpOnly",
    "cookie in curl": "curl -b 'auth=⟦<lo18>⟧' https://example.com",
    "cookie long option": "curl --cookie 'sessionid=⟦<lo18>⟧; lang=en' https://example.com",
    "php session": "PHPSESSID=⟦<lo16>⟧",
    "java session": "JSESSIONID=⟦<up16>⟧",
    "basic auth url": "https://deploy:⟦<an12>⟧@git.example.com/repo.git",
    "basic auth url, symbols": "https://deploy:⟦P%40ss!<an6>#⟧@git.example.com/repo.git",
    "token as url user": "git clone https://⟦<lo20>⟧@github.com/acme/app.git",
    "token with x-oauth": "https://x-access-token:⟦<an18>⟧@github.com/acme/app",
    "ftp url": "ftp://bob:⟦<lo9>⟧@files.example.com/a",
    "sentry dsn": "SENTRY_DSN=https://⟦<hex32>⟧@o12.ingest.sentry.io/34",
    "postgres url": "postgres://app:⟦<an14>⟧@db.internal:5432/app",
    "postgresql url, slash": "postgresql://app:⟦ab/<an10>⟧@db.internal/app",
    "postgres url, at sign": "postgres://app:⟦p@<an10>⟧@db.internal/app",
    "mysql url": "mysql+pymysql://root:⟦<lo10>⟧@127.0.0.1/shop",
    "mongodb url": "mongodb+srv://admin:⟦<an16>⟧@cluster0.abcde.mongodb.net/?retryWrites=true",
    "redis url": "redis://:⟦<an16>⟧@cache:6379/0",
    "amqp url": "amqps://svc:⟦<an16>⟧@mq.example.com/vhost",
    "clickhouse url": "clickhouse://default:⟦<an12>⟧@ch:9000/default",
    "jdbc url": "jdbc:postgresql://db/app?user=app&password=⟦<an12>⟧&ssl=true",
    "ado connection string": "Server=db;Database=shop;User Id=sa;Password=⟦<an12>!⟧;Encrypt=true",
    "odbc connection string": "Driver={ODBC};Server=db;UID=sa;PWD=⟦<an12>⟧;",
    "libpq keywords": "host=db user=app password=⟦<an12>⟧ dbname=app",
    "azure storage connection": "DefaultEndpointsProtocol=https;AccountName=shop;AccountKey=⟦<b6486>==⟧;EndpointSuffix=core.windows.net",
    "azure service bus": "Endpoint=sb://x.servicebus.windows.net/;SharedAccessKeyName=Root;SharedAccessKey=⟦<b6443>=⟧",
    "azure sas url": "https://x.blob.core.windows.net/c?sv=2024-01-01&se=2026-12-01&sp=r&sig=⟦<an30>%2B<an12>%3D⟧",
    "s3 signed url": "https://b.s3.amazonaws.com/k?X-Amz-Credential=⟦AKIA<b3216>⟧%2F20261102&X-Amz-Signature=⟦<hex64>⟧",
    "gcs signed url": "https://storage.googleapis.com/b/o?GoogleAccessId=svc&Expires=1800000000&Signature=⟦<an60>%3D⟧",
    "cloudfront url": "https://d1.cloudfront.net/a.mp4?Expires=1800000000&Signature=⟦<url80>__⟧&Key-Pair-Id=⟦K<up13>⟧",
    "query token": "https://example.com/cb?token=⟦<lo14>⟧&next=/home",
    "query access token": "https://example.com/#access_token=⟦<lo24>⟧&expires_in=3600",
    "query api key": "https://maps.example.com/v1?key=⟦<lo16>⟧&q=berlin",
    "query api_key": "GET /v1/rows?api_key=⟦<lo16>⟧",
    "query code": "https://app.example.com/callback?code=⟦<url24>⟧&state=<url16>",
    "query password": "http://router.local/login?user=admin&passwd=⟦<lo10>⟧",
    "query apikey": "https://api.example.com/?apikey=⟦<lo12>⟧",
    "query auth": "https://db.firebaseio.com/a.json?auth=⟦<lo24>⟧",
    "password reset link": "https://example.com/reset?reset_token=⟦<url20>⟧",
    "slack webhook": "https://hooks.slack.com/services/T<up8>/B<up8>/⟦<an24>⟧",
    "discord webhook": "https://discord.com/api/webhooks/<dg18>/⟦<url68>⟧",
    "teams webhook": "https://acme.webhook.office.com/webhookb2/<uuid>@<uuid>/IncomingWebhook/⟦<hex32>⟧/<uuid>",
    "telegram url": "https://api.telegram.org/bot<dg10>:⟦AA<url33>⟧/sendMessage",
    "zapier hook": "https://hooks.zapier.com/hooks/catch/<dg7>/⟦<lo20>⟧/",
    "pem rsa key": "-----BEGIN RSA PRIVATE KEY-----\n⟦<b6464>⟧\n⟦<b6464>⟧\n-----END RSA PRIVATE KEY-----",
    "pem ec key": "-----BEGIN EC PRIVATE KEY-----\n⟦<b6464>⟧\n⟦<b6432>==⟧\n-----END EC PRIVATE KEY-----",
    "pem dsa key": "-----BEGIN DSA PRIVATE KEY-----\n⟦<b6464>⟧\n-----END DSA PRIVATE KEY-----",
    "pem pkcs8 key": "-----BEGIN PRIVATE KEY-----\n⟦<b6464>⟧\n-----END PRIVATE KEY-----",
    "pem encrypted key": "-----BEGIN ENCRYPTED PRIVATE KEY-----\n⟦<b6464>⟧\n-----END ENCRYPTED PRIVATE KEY-----",
    "pem with headers": "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,⟦<hex32>⟧\n\n⟦<b6464>⟧\n-----END RSA PRIVATE KEY-----",
    "pem openssh key": "-----BEGIN OPENSSH PRIVATE KEY-----\n⟦b3BlbnNzaC1r<b6458>⟧\n-----END OPENSSH PRIVATE KEY-----",
    "pem certificate": "-----BEGIN CERTIFICATE-----\n⟦MIID<b6460>⟧\n-----END CERTIFICATE-----",
    "pgp private key": "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\n⟦lQdG<b6460>⟧\n=⟦<b644>⟧\n-----END PGP PRIVATE KEY BLOCK-----",
    "ssh2 key": "---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\n⟦<b6464>⟧\n---- END SSH2 ENCRYPTED PRIVATE KEY ----",
    "pem cut off": "here is the key -----BEGIN RSA PRIVATE KEY----- ⟦<b6464>⟧ ⟦<b6420>⟧",
    "pem on one line": '"private_key": "-----BEGIN PRIVATE KEY-----\\n⟦<b6464>⟧\\n⟦<b6464>⟧\\n-----END PRIVATE KEY-----\\n"',
    "putty key": "PuTTY-User-Key-File-3: ssh-ed25519\nPrivate-Lines: 1\n⟦<b6444>⟧\nPrivate-MAC: ⟦<hex64>⟧",
    "ssh public key": "ssh-rsa ⟦AAAAB3NzaC1yc2E<b64200>⟧ bob@laptop",
    "ssh ed25519 key": "ssh-ed25519 ⟦AAAAC3NzaC1lZDI1NTE5AAAAI<b6443>⟧",
    "netrc": "machine api.example.com login bob password ⟦<lo12>⟧",
    "pgpass": "db.internal:5432:app:bob:⟦<an14>⟧ in .pgpass",
    "npmrc": "//registry.npmjs.org/:_authToken=⟦<uuid>⟧",
    "npmrc auth": "_auth=⟦<an18>==⟧",
    "pip index": "pip install -i https://bob:⟦<an12>⟧@pypi.example.com/simple app",
    "docker config auth": '{"auths": {"ghcr.io": {"auth": "⟦<an26>==⟧"}}}',
    "docker login": "docker login -u bob -p ⟦<an12>⟧ ghcr.io",
    "curl user": "curl -u bob:⟦<an10>⟧ https://example.com",
    "curl user, long": 'curl --user "bob:⟦<an10>⟧" https://example.com',
    "wget password": "wget --user=bob --password=⟦<an10>⟧ https://example.com",
    "mysql -p": "mysql -uroot -p⟦<an12>⟧ shop",
    "mysqldump long": "mysqldump --password=⟦<an12>⟧ shop",
    "sshpass": "sshpass -p ⟦<an10>⟧ ssh root@10.0.0.1",
    "sshpass quoted": "sshpass -p '⟦<an5> <an5>⟧' ssh root@10.0.0.1",
    "redis-cli": "redis-cli -h cache -a ⟦<an12>⟧ ping",
    "pgpassword": "PGPASSWORD=⟦<an10>⟧ psql -h db",
    "mongosh": "mongosh -u admin -p ⟦<an12>⟧ --authenticationDatabase admin",
    "openssl pass": "openssl rsa -in k.pem -passin pass:⟦<an10>⟧",
    "kubectl literal": "kubectl create secret generic db --from-literal=password=⟦<an10>⟧",
    "helm set": "helm upgrade app . --set db.password=⟦<an10>⟧",
    "terraform var": "terraform apply -var db_password=⟦<an10>⟧",
    "vault kv": "vault kv put secret/db password=⟦<an10>⟧",
    "aws configure": "aws configure set aws_secret_access_key ⟦<b6440>⟧",
    "gh secret": 'gh secret set DEPLOY_TOKEN --body "⟦<lo14>⟧"',
    "ansible": "ansible_ssh_pass=⟦<an10>⟧ ansible_become_pass=⟦<an10>⟧",
    "htpasswd": "bob:⟦$2y$10$<an53>⟧",
    "shadow": "root:⟦$6$<an8>$<an86>⟧:19000:0:99999:7:::",
    "sql identified by": "CREATE USER bob IDENTIFIED BY '⟦<an10>⟧'",
    "sql with password": "ALTER ROLE app WITH PASSWORD '⟦<an10>⟧'",
    "nuget config": '<add key="ClearTextPassword" value="⟦<an12>⟧" />',
    "maven settings": "<server><id>x</id><password>⟦<an12>⟧</password></server>",
    "kubernetes secret": "kind: Secret data: password: ⟦<an18>==⟧",
    "aws credentials file": "[default]\naws_access_key_id = ⟦AKIA<b3216>⟧\naws_secret_access_key = ⟦<b6440>⟧",
    "gcp service account": '{"type": "service_account", "private_key_id": "⟦<hex40>⟧", "client_email": "⟦bot@acme-1.iam.gserviceaccount.com⟧"}',
    "wifi": "WIFI:T:WPA;S:home;P:⟦<an10>⟧;;",
    "wpa config": 'psk="⟦<an12>⟧"',
    "otpauth": "otpauth://totp/Acme:bob?secret=⟦<b3216>⟧&issuer=Acme",
    "heroku key": "HEROKU_API_KEY=⟦<uuid>⟧",
    "snyk token": "SNYK_TOKEN=⟦<uuid>⟧",
    "azure client secret": "AZURE_CLIENT_SECRET=⟦<an3>8Q~<an34>⟧",
    "datadog app key": "DD_APP_KEY=⟦<hex40>⟧",
    "twilio auth token": "TWILIO_AUTH_TOKEN=⟦<hex32>⟧",
    "django secret": "SECRET_KEY = 'django-insecure-⟦<an10>$<an10>(<an8>⟧'",
    "rails secret": "SECRET_KEY_BASE=⟦<hex128>⟧",
    "laravel key": "APP_KEY=base64:⟦<b6443>=⟧",
    "e-mail": "mail ⟦bob.<lo6>@example.com⟧ about it",
    "e-mail, plus": "⟦b+<lo4>@mail.example.co.uk⟧",
    "e-mail in angle brackets": "Co-Authored-By: Bob <⟦bob.<lo6>@example.org⟧>",
    "e-mail in a url": "https://example.com/u?email=⟦bob<lo4>%40mail.test⟧",
    "e-mail, not ascii": "schreib an ⟦jörg.<lo5>@exämple.de⟧",
    "password in prose": "the password is ⟦<lo5>7<lo3>⟧",
    "password in prose, word": "the admin password is ⟦swordfish⟧",
    "password in prose, to": "I changed the root password to ⟦<an10>⟧ yesterday",
    "password in prose, none": "log in with user bob and password ⟦<an9>7!⟧",
    "password in brackets": "bob (password: ⟦<an9>⟧) cannot log in",
    "passphrase": "the passphrase is ⟦correct horse battery staple⟧",
    "seed phrase": "seed phrase: ⟦abandon ability able about above absent absorb abstract absurd abuse access accident⟧",
    "token in prose": "my token is ⟦<lo12>4<lo3>⟧",
    "key in prose": "my api key is ⟦<lo12>4<lo3>⟧",
    "key in prose, none": "use the api key ⟦<lo12>4<lo3>⟧ for this",
    "pin in prose": "my PIN is ⟦4711⟧",
    "shopify header": "X-Shopify-Access-Token: ⟦shpat_<hex32>⟧",
    "snowflake token": "snowflake token ver:1-hint:<dg10>-⟦ETMsDgAAA<b6480>⟧",
    "escaped quote": '{"user": "bob", "password": "⟦<an6>\\"<an6>⟧", "n": 1}',
    "quote cut off": 'password="⟦<an6> <an6>⟧',
}


def known_formats(seed: int) -> Iterator[Planted]:
    """Every known format once, each token in a sentence that changes with the seed."""
    for number, (name, template) in enumerate(TOKENS.items()):
        sentence = SENTENCES[(seed + number) % len(SENTENCES)]
        yield planted(name, sentence.format(f"⟦{template}⟧"), dice(seed, name))
    for name, template in CONTEXTS.items():
        yield planted(name, template, dice(seed, name))
    chance = dice(seed, "encoded")
    encoded = base64.b64encode(
        fill("bob:<an18> -----BEGIN PRIVATE KEY-----<b6440>", chance).encode()
    ).decode()
    yield Planted(format="base64 of credentials", text=f"decode {encoded} please", secrets=(encoded,))
    inner = json.dumps({"api_key": (key := fill("<lo16>", chance)), "n": 1})
    yield Planted(format="json in json", text=json.dumps({"body": inner}), secrets=(key,))


# -- any name, any value --------------------------------------------------------------------------------------

NAMES: Final = (
    "PASSWORD", "DB_PASSWORD", "DB_PASS", "MYSQL_ROOT_PASSWORD", "POSTGRES_PASSWORD", "ADMIN_PWD", "smtp_password",
    "passwd", "userPassword", "keystorePassword", "PASSPHRASE", "ssh_passphrase", "SECRET", "APP_SECRET",
    "CLIENT_SECRET", "clientSecret", "JWT_SECRET", "SESSION_SECRET", "COOKIE_SECRET", "WEBHOOK_SECRET", "SECRET_KEY",
    "SECRET_KEY_BASE", "API_KEY", "apiKey", "apikey", "API-KEY", "X_API_KEY", "STRIPE_KEY", "MAPS_API_KEY",
    "ACCESS_KEY", "AWS_SECRET_ACCESS_KEY", "PRIVATE_KEY", "SIGNING_KEY", "ENCRYPTION_KEY", "MASTER_KEY", "LICENSE_KEY",
    "STORAGE_ACCOUNT_KEY", "TOKEN", "ACCESS_TOKEN", "REFRESH_TOKEN", "AUTH_TOKEN", "authToken", "id_token", "BOT_TOKEN",
    "CI_JOB_TOKEN", "GITHUB_PAT", "CREDENTIALS", "SMTP_CREDS", "BASIC_AUTH", "PGPASSWORD", "REDIS_AUTH",
)  # fmt: skip

FORMS: Final = (
    "{name}=⟦{value}⟧",
    "export {name}=⟦{value}⟧",
    "{name}='⟦{value}⟧'",
    '{name}="⟦{value}⟧"',
    "{name}: ⟦{value}⟧",
    "{name}: '⟦{value}⟧'",
    '{{"{name}": "⟦{value}⟧", "n": 1}}',
    '{{"{name}":"⟦{value}⟧"}}',
    '{{\\"{name}\\":\\"⟦{value}⟧\\"}}',
    '{name} = "⟦{value}⟧"',
    "{name} => '⟦{value}⟧'",
    '{name} := "⟦{value}⟧"',
    'const {name} = "⟦{value}⟧";',
    'connect(user="bob", {name}="⟦{value}⟧")',
    "set {name}=⟦{value}⟧",
    "setx {name} ⟦{value}⟧",
    '$env:{name} = "⟦{value}⟧"',
    "set -x {name} ⟦{value}⟧",
    "ENV {name} ⟦{value}⟧",
    "docker run -e {name}=⟦{value}⟧ app",
    "java -D{name}=⟦{value}⟧ -jar app.jar",
    "app --{option} ⟦{value}⟧ --verbose",
    "app --{option}=⟦{value}⟧",
    "<{name}>⟦{value}⟧</{name}>",
    "https://example.com/a?x=1&{name}=⟦{value}⟧",
    "- {name}: ⟦{value}⟧",
    "`{name}` = `⟦{value}⟧`",
    "{name} is ⟦{value}⟧",
    "the {name} is `⟦{value}⟧`",
    "with {name} ⟦{value}⟧ it fails",
)

VALUES: Final[tuple[str, ...]] = (
    "<lo8>", "<an12>", "<an16>", "<an20>", "<an32>", "<hex16>", "<hex40>", "<uuid>", "<url24>", "hunter<dg2>",
    "<al10><dg2>", "Winter<dg4>!", "P@ssw0rd<dg2>", "tr0ub4dor&<dg1>", "<an5>;<an5>", "<an4>,<an6>", "<an5>#<an5>",
    "<an4>$<an6>", "correct-horse-<al6>-<dg2>", "<an5>!<an5>?", "(<an8>)", "<b6428>=",
)  # fmt: skip


def named_values(seed: int, count: int = 600) -> Iterator[Planted]:
    """`name = value` in many spellings: a sample of names, forms and values."""
    chance = dice(seed, "named values")
    for _ in range(count):
        name, form, value = chance.choice(NAMES), chance.choice(FORMS), chance.choice(VALUES)
        filled = form.format(name=name, value=fill(value, chance), option=name.lower().replace("_", "-"))
        yield planted(f"{form} | {name} | {value}", filled, chance)
