// Keeps the app of one build on this phone, so that it opens without a network. What the station says (`/v1/…`) is never kept here.
'use strict';

const BUILD = '{{build}}';
const FILES = {{files}};
const CACHE = `app ${BUILD}`;
const PAGE = '/';

self.addEventListener('install', event => {
  const keep = async () => {
    const cache = await caches.open(CACHE);
    // Files are named by what is in them; the page is not, so nothing between here and the station may answer for it.
    await cache.addAll([new Request(PAGE, { cache: 'reload' }), new Request('/manifest.webmanifest', { cache: 'reload' }), ...FILES]);
  };
  event.waitUntil(keep());
});

self.addEventListener('activate', event => {
  const forget = async () => {
    const names = await caches.keys();
    await Promise.all(names.filter(name => name.startsWith('app ') && name !== CACHE).map(name => caches.delete(name)));
    await self.clients.claim();
  };
  event.waitUntil(forget());
});

self.addEventListener('fetch', event => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== 'GET' || url.origin !== self.location.origin) return;
  const isPage = request.mode === 'navigate';
  if (!isPage && !url.pathname.startsWith('/app/') && url.pathname !== '/manifest.webmanifest') return;
  const answer = async () => {
    const kept = await caches.match(isPage ? PAGE : request, { cacheName: CACHE });
    return kept ?? fetch(request);
  };
  event.respondWith(answer());
});
