"""A page in scope that looks for fairwitness, in a real Chromium: it reads neither policy nor tool."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from fairwitness.testing import Answer, Authority, Origin, Proxy, policy_text

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        not any(map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))),
        reason="no Chromium on this machine: nothing was tested in a browser",
    ),
    pytest.mark.timeout(180),
]

HOME = "<!doctype html><title>App</title><script src=/probe.js></script>"
PROBE = """
window.learned = {};
const note = (name, text) => { learned[name] = String(text) };
const told = async response => {
  const headers = [...response.headers].map(each => each.join(': ')).join(String.fromCharCode(10));
  return [response.status, headers, await response.text()].join(' | ');
};
const fetched = (name, url, options) =>
  fetch(url, options).then(told).then(text => note(name, text), error => note(name, error));
const asked = name => new Promise(done => {
  const request = new XMLHttpRequest();
  request.onloadend = () => { note(name, request.getAllResponseHeaders() + request.responseText); done() };
  request.open('GET', '/admin');
  request.setRequestHeader('Accept', 'text/html');
  request.send();
});
const framed = (name, tag, attribute) => new Promise(done => {
  const frame = document.createElement(tag);
  frame.onload = frame.onerror = () => {
    try { note(name, frame.contentDocument.documentElement.outerHTML) } catch (error) { note(name, error) }
    done();
  };
  frame[attribute] = '/admin';
  document.body.append(frame);
  setTimeout(done, 2000);
});
const opened = name => new Promise(done => {
  const other = window.open('/admin');
  let turns = 0;
  const look = () => {
    turns += 1;
    try {
      if (other.location.href !== 'about:blank' && other.document.readyState === 'complete') {
        note(name, other.document.documentElement.outerHTML);
        return done();
      }
    } catch (error) { note(name, error); return done() }
    if (turns > 100) { note(name, 'never'); return done() }
    setTimeout(look, 20);
  };
  look();
});
const worked = async name => {
  if (!navigator.serviceWorker) return note(name, 'none');
  await navigator.serviceWorker.register('/worker.js');
  await navigator.serviceWorker.ready;
  const heard = new Promise(done => {
    const heard = [];
    navigator.serviceWorker.onmessage = message => {
      heard.push(message.data);
      note(name, heard);
      if (heard.length === 2) done();
    };
    setTimeout(done, 5000);
  });
  if (!navigator.serviceWorker.controller)
    await new Promise(done => navigator.serviceWorker.oncontrollerchange = done);
  const frame = document.createElement('iframe');
  frame.src = '/admin?worker';
  document.body.append(frame);
  window.open('/admin?worker-window');
  await heard;
};
window.probe = async (stranger, own) => {
  await fetched('fetch', '/admin');
  const asPage = {Accept: 'text/html', 'Upgrade-Insecure-Requests': '1'};
  await fetched('fetch of a page', '/admin', {headers: asPage});
  await fetched('post', '/admin', {method: 'POST', body: 'x', headers: {Accept: 'application/json'}});
  await fetched('stranger', stranger);
  await fetched('stranger, opaque', stranger, {mode: 'no-cors'});
  await fetched('proxy itself', own);
  await asked('XMLHttpRequest');
  await framed('frame', 'iframe', 'src');
  await framed('object', 'object', 'data');
  await opened('window');
  await worked('worker');
  return JSON.stringify(learned);
};
"""
WORKER = """
self.addEventListener('install', event => event.waitUntil(self.skipWaiting()));
self.addEventListener('activate', event => event.waitUntil(self.clients.claim()));
self.addEventListener('fetch', event => {
  if (!event.request.url.includes('/admin')) return;
  event.respondWith((async () => {
    const response = await fetch(event.request);
    const text = [...response.headers].join(' ') + await response.clone().text();
    for (const client of await self.clients.matchAll({includeUncontrolled: true}))
      client.postMessage(event.request.mode + ' ' + event.request.destination + ' ' + text);
    return response;
  })());
});
"""


@pytest.mark.bypass(58, 64)
@pytest.mark.parametrize("scheme", ["https", "http"])
def test_a_page_learns_nothing_from_block_answers(
    authority: Authority,
    make_chromium: Callable[..., AbstractContextManager[Any]],
    tmp_path: Path,
    scheme: str,
) -> None:
    """It asks for an excluded path of its own host in every way that gives it an answer to read.

    Its head asks the browser to connect to a stranger ahead of time, who hears nothing of it.
    """
    with (
        Origin(authority, ["app.test"], address="127.0.0.20") as app,
        Origin(authority, ["stranger.test"], address="127.0.0.21") as stranger,
    ):
        link = f"<{stranger.url('/a.css')}>; rel=preload; as=style, <{stranger.url('/')}>; rel=preconnect"
        home = Answer(headers=((b"content-type", b"text/html"), (b"link", link.encode())), body=HOME.encode())
        app.put("/", HOME, answer=home)
        app.put("/probe.js", PROBE, kind="text/javascript")
        app.put("/worker.js", WORKER, kind="text/javascript")
        own = app.host_port
        policy = policy_text(
            include=[f"http://{own}", f"https://{own}"],
            exclude=[f"https://{own}/admin", f"http://{own}/admin"],
        )
        resolve = [app.resolve, stranger.resolve]
        with (
            Proxy(tmp_path, policy=policy, upstream_ca=authority.pem, resolve=resolve) as proxy,
            make_chromium(proxy, arguments=("--disable-popup-blocking",)) as browser,
        ):
            browser.navigate(app.url("/", scheme=scheme))
            browser.wait_for("window.probe")
            places = f"'{stranger.url('/x', scheme=scheme)}', 'http://{proxy.address}/'"
            learned = browser.evaluate(f"window.probe({places})")

    if scheme == "https":
        assert "navigate document" in learned
    assert "window" in learned
    for word in ("fairwitness", "policy.yaml", "scope.", "left your machine", "mitmproxy"):
        assert word not in learned.lower()
    assert 0 == len(app.requests_for("/admin"))
    assert 0 == stranger.counts.accepts
