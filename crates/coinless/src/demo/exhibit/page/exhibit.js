// Shows what the demo's server says, as it comes, and presses its buttons.

const at = id => document.getElementById(id);
const make = (name, text, className) => {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
};
/** Sets a text only if it changes, so that nothing is read out twice. */
const write = (element, text) => { if (element.textContent !== text) element.textContent = text; };
const capital = word => word[0].toUpperCase() + word.slice(1);
const phoneAt = (port, path) => `${location.protocol}//${location.hostname}:${port}${path}`;

let shown = null;
let phone = 0;
let lastSaid = 0;

async function press(path) {
  write(at('refused'), '');
  const answer = await fetch(path, { method: 'POST' }).catch(() => null);
  if (!answer) write(at('refused'), 'The demo does not answer any more. Start it again.');
  else if (!answer.ok) write(at('refused'), await answer.text());
}

function makeMeter(meter, place) {
  const card = make('article', undefined, 'meter');
  card.dataset.meter = place;
  card.setAttribute('aria-label', `${capital(meter.commodity)} meter`);
  card.innerHTML = `
    <div class="label"><img alt=""><span class="number"></span></div>
    <div class="face">
      <h3></h3>
      <div class="display"><output class="balance"></output><span class="line"></span><span class="line second"></span></div>
      <p class="valve"><svg viewBox="0 0 20 20" aria-hidden="true"><path d="M2 5l16 10V5L2 15z"/></svg><span></span></p>
    </div>
    <div class="hand">
      <button type="button" class="push">Press the button</button>
      <button type="button" class="use"></button>
      <button type="button" class="scan">Scan the label</button>
    </div>`;
  const image = card.querySelector('img');
  image.src = `/labels/${place}`;
  image.alt = `QR code of the ${meter.commodity} meter’s label`;
  card.querySelector('.number').textContent = meter.label;
  card.querySelector('h3').textContent = capital(meter.commodity);
  card.querySelector('.use').textContent = meter.commodity === 'electricity' ? 'Use 1 kWh' : 'Use 1 m³';
  card.querySelector('.push').onclick = () => press(`/meters/${place}/press`);
  card.querySelector('.use').onclick = () => press(`/meters/${place}/use`);
  card.querySelector('.scan').onclick = () => { at('phone').src = phoneAt(shown.phone.port, `/m/${meter.label}`); };
  for (const button of card.querySelectorAll('button')) {
    button.setAttribute('aria-label', `${button.textContent}: ${meter.commodity}`);
  }
  at('meters').append(card);
  at('which').append(new Option(`${meter.commodity} meter`, place));
  return card;
}

/** The two small lines of a display. */
function lines(display) {
  const code = display.owner_code ? `owner’s code ${display.owner_code}` : display.display_code ? `code ${display.display_code}` : '';
  const why = display.fault ?? (display.armed ? 'armed: press the button' : display.causes.join(', '));
  return [`token no. ${display.number}`, why || code].concat(why && code ? [code] : []);
}

function showMeter(meter, place) {
  const card = document.querySelector(`[data-meter="${place}"]`) ?? makeMeter(meter, place);
  const display = meter.display;
  card.classList.toggle('dark', !display);
  card.classList.toggle('open', display?.valve === 'open');
  card.dataset.trap = meter.trap ?? '';
  const [first, ...rest] = display ? lines(display) : [''];
  write(card.querySelector('.balance'), display ? display.balance : '');
  write(card.querySelector('.line'), first);
  write(card.querySelector('.second'), rest.join(' · '));
  write(card.querySelector('.valve span'), display ? `${meter.commodity === 'electricity' ? 'Relay' : 'Valve'} ${display.valve}` : 'No power');
  for (const button of card.querySelectorAll('.push, .use')) button.disabled = !display;
}

function showSaid(said) {
  const list = at('said');
  const isAtEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
  for (const one of said.filter(one => one.number > lastSaid)) {
    const item = make('li', undefined, one.mark ?? '');
    item.dataset.from = one.from.split(' ').pop();
    const who = make('span', `${one.from} → ${one.to}`, 'who');
    if (one.bytes) who.append(make('small', `${one.bytes} bytes`));
    if (one.mark === 'lost') who.append(make('small', 'lost'));
    item.append(who, make('span', one.words, 'words'));
    list.append(item);
    lastSaid = one.number;
  }
  while (list.children.length > 60) list.firstChild.remove();
  if (isAtEnd) list.scrollTop = list.scrollHeight;
}

const row = cells => {
  const made = make('tr');
  cells.forEach((cell, place) => {
    const one = make(place ? 'td' : 'th', cell, place ? 'figure' : '');
    if (!place) one.scope = 'row';
    made.append(one);
  });
  return made;
};

function showBooks(books) {
  if (!books) return;
  const accounts = books.accounts.map(one => {
    const made = row([one.words, `${one.balance} ${one.currency}`]);
    made.title = one.account;
    return made;
  });
  if (!accounts.length) accounts.push(row(['Nothing was paid yet', '']));
  at('books').tBodies[0].replaceChildren(...accounts);
  at('books').tFoot.replaceChildren(row(['All together (what is owed counts below zero)', books.balanced ? '0.00' : 'WRONG']));
  at('stands').tBodies[0].replaceChildren(...books.meters.map(one => row([capital(one.commodity), one.sold, one.receipted ?? 'no receipt yet'])));
}

function showTold(told, deeds) {
  const place = at('told');
  if (place.dataset.deeds === String(deeds)) return;
  place.replaceChildren();
  if (told) {
    place.append(make('h3', told.title), make('p', told.words));
    if (told.rows.length) {
      const same = told.rows.every(one => one.same);
      place.append(make('p', same ? 'No sum has changed.' : 'Some sums have changed meanwhile: look at them.', same ? 'verdict' : 'verdict changed'));
      const table = make('table');
      const heads = make('tr');
      for (const [place, word] of ['Sum', 'Before', 'After', 'Changed?'].entries()) {
        const head = make('th', word, place ? 'figure' : '');
        head.scope = 'col';
        heads.append(head);
      }
      table.createTHead().append(heads);
      table.createTBody().append(...told.rows.map(one => {
        const made = row([one.what, one.before, one.after, one.same ? 'the same' : 'changed']);
        made.dataset.same = one.same;
        return made;
      }));
      const wide = make('div', undefined, 'wide');
      wide.tabIndex = 0;
      wide.setAttribute('role', 'region');
      wide.setAttribute('aria-label', 'Sums before and after');
      wide.append(table);
      place.append(wide);
    }
  }
  place.dataset.deeds = deeds;
}

function showReal(state) {
  const ports = state.real;
  write(at('real-url'), `http://localhost:${ports[0]}`);
  write(at('real-adb'), ports.map(port => `adb reverse tcp:${port} tcp:${port}`).join('; '));
  write(at('real-ssh'), `ssh ${ports.map(port => `-L ${port}:127.0.0.1:${port}`).join(' ')} this-computer`);
}

function show(state) {
  shown = state;
  state.meters.forEach(showMeter);
  showSaid(state.said);
  showBooks(state.books);
  showTold(state.told, state.deeds);
  if (!phone) showReal(state);
  if (state.phone.number !== phone) {
    phone = state.phone.number;
    at('phone').src = phoneAt(state.phone.port, state.phone.path);
    write(at('phone-number'), `Phone ${phone}`);
  }
  for (const button of document.querySelectorAll('[data-deed]')) button.disabled = state.busy;
  document.body.dataset.live = 'yes';
}

for (const button of document.querySelectorAll('[data-way]')) {
  button.onclick = () => {
    for (const other of document.querySelectorAll('[data-way]')) other.setAttribute('aria-pressed', String(other === button));
    for (const steps of document.querySelectorAll('[data-steps]')) steps.hidden = steps.dataset.steps !== button.dataset.way;
  };
}
for (const button of document.querySelectorAll('[data-deed]')) {
  button.onclick = () => press(`/deeds/${button.dataset.deed}?meter=${at('which').value}&later=${at('later').checked}`);
}
at('home').onclick = () => { at('phone').src = phoneAt(shown.phone.port, '/'); };

const events = new EventSource('/events');
events.onmessage = event => show(JSON.parse(event.data));
// It connects again by itself; until then nothing here is live.
events.onerror = () => { document.body.dataset.live = 'no'; };
