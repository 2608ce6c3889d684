# The app's texts in English. Translations have the same messages with the same names in braces.
# {$n} is a count; a language may choose among its plural forms by it.

app-name = Coinless
skip-to-content = Go to the content
nav = Main screens
nav-home = Home
nav-list = Family
nav-house = Rounds
nav-history = History
nav-settings = Settings
offline = Offline
details = Details
dismiss = Close
nowhere = Nothing is here
nowhere-why = This address leads nowhere; perhaps a link lost its end. A label's address looks like …/m/CLS0000000017-Z. Open the link once more, scan the label, or type its number under Home.
overtaken = Coinless is open in another tab
overtaken-why = One tab at a time works on what this phone keeps. Nothing is lost.
go-on-here = Go on here
share = Share
copy = Copy
copied = Copied. Paste it where you want it.
copy-failed = The browser does not let the app copy. Mark the text and copy it by hand.
print = Print
sync = Ask again how it stands
reason = Why:
lines = { $n ->
    [one] One line
   *[other] { $n } lines
}

## What is under way
running-asking = Asking the station…
running-connecting = Looking for the meter…
running-buying = Buying. Follow what your payment provider asks…
running-loading = Handing the token to the meter. Stay close…
running-syncing = Asking the station how things stand…
opening-slow = Coinless is not loaded yet. If nothing comes, look whether there is a network, and load this page again.
part-loading = Loading this part of Coinless…
part-missing = This part of Coinless could not be loaded. Nothing is lost. Try again when there is a network.
part-again = Try again

## Home
home-title = Which meter?
home-scan = Scan a label
home-type = Number on the label
home-find = Find
home-meters = Your meters
home-waiting = { $n ->
    [one] Paid and not loaded yet: one meter waits for this phone.
   *[other] Paid and not loaded yet: { $n } meters wait for this phone.
}
in-room = { $what }, { $room }
order-open = { $n ->
    [one] One line is not finished
   *[other] { $n } lines are not finished
}
order-ready = { $n ->
    [one] One line waits to be loaded
   *[other] { $n } lines wait to be loaded
}
load-now = Load the meter now
load-this = Load { $name } now
load-how = Stand at the meter. The phone picks the right token by the meter's own number.
load-nothing = This phone holds nothing for the meter { $label }.
load-interrupted = Not finished. Everything is still on this phone; do the same again.
label-slip = One character is mistyped: the last character does not fit the others. Compare with the label.
label-check-missing = Type the whole number, with the hyphen and the last character, as CLS0000000017-Z.
label-shape = This is not a meter's number. It looks like CLS0000000017-Z and is printed on the label.

## Scanning
scan-title = Scan a label
scan-view = What the camera sees
scan-starting = Switching the camera on…
scan-aim = Hold the square code of the label into the picture.
scan-no-camera = No camera can be used here. Take a picture of the label, or type its number.
scan-camera-denied = The camera is not allowed for this page. Allow it in the browser's settings for this page and load the page again, or take a picture of the label, or type its number.
scan-picture = Take or choose a picture
scan-nfc = Tap the meter's tag
scan-nfc-failed = The tag could not be read. Hold the phone to it for a moment, or scan the label.
scan-type = Type the number instead
scan-nothing = No code was found in this picture. Come closer, with the label straight and in light.
scan-other = This code is not from this station's labels.
picture-wrong = This file is no picture that the phone can read.

## A meter
meter-title = Meter
meter-nobody = The utility tells neither name nor place.
meter-is-it-yours = Names are masked. Is this the right meter? If not, do not pay.
meter-load-only = I have paid already: load what this phone holds
meter-history = What was bought before
meter-go = Go to the meter { $label }
readings-title = Balance and use
readings-earn = See this meter's balance and use
readings-how = For whoever lives with the meter. Press the meter's button, and type the eight digits that its display shows then. Once is enough, until the tenant changes.
readings-code = Code on the meter's display
readings-open = Show the balance
readings-ended = The readings are for others now: the tenant has changed, or too many other phones were added. If you live here, type the code anew.
readings-none = Nothing was read yet. Load the meter, or hand it a token: its receipt brings the reading.
readings-balance = Balance
readings-at = Read on { $when }, with the meter's receipt no. { $number }.
readings-mean = About { $mean } are used a day.
lasts-days = { $n ->
    [0] At this use it lasts less than a day.
    [one] At this use it lasts one more day.
   *[other] At this use it lasts { $n } more days.
}
lasts-used-up = It is used up.
lasts-not-known = For how long it lasts is not known yet: a day or more between two readings is needed, and some use.
code-shape = The code has eight digits, such as 1234 5678.
code-wrong = { $n ->
    [one] The meter does not show this code. Press its button and look once more. One more try is left in this hour.
   *[other] The meter does not show this code. Press its button and look once more. { $n } more tries are left in this hour.
}
code-wrong-last = The meter does not show this code, and no more tries are left for now. Nothing is lost; try again in an hour.
code-too-many = Too many wrong codes were typed for this meter. Nothing is lost; try again in an hour.
code-too-many-until = Too many wrong codes were typed for this meter. Nothing is lost; try again on { $when }.
code-first-receipt = The tenant has changed, and the station has not heard of the meter since. Load something first; then press the meter's button, and type the code that it shows then.
chart-title = Use by day
chart-most = Most: { $used } on { $day }.
chart-hollow = Pale bars are estimated: nothing was read on these days.
chart-as-table = The same as a table
chart-day = Day
chart-used = Used
chart-estimated = estimated
alarm-low-credit = The credit is getting low. Buy soon.
alarm-very-low-credit = The credit is nearly used up. Buy now.
alarm-valve-failed = The valve does not shut as it should. Tell your utility.
alarm-emergency-credit = Emergency credit is in use. What was taken of it is paid back by the next purchase.
alarm-clock-not-known = The meter does not know the time. It is set when a phone with a network loads it.
alarm-other = The meter warns of something that this version of the app does not know. Its display says what.
cause-no-credit = The meter is shut: the credit is used up. Buy, and load it.
cause-command = The meter is shut by order of the utility. Ask your utility.
cause-tamper = The meter is shut: somebody opened it or moved it. A technician must look at it.
cause-flow = The meter is shut: more flowed than should. Look for a leak. A technician must look at it.
cause-low-battery = The meter is shut: its battery is weak. Tell your utility.
cause-disuse = The meter is shut: it was not used for long. Ask your utility.
cause-closed-account = The meter is shut: its account is closed. Ask your utility.
cause-fault = The meter is shut: it found a fault in itself. Tell your utility.
cause-other = The meter is shut for another reason. Its display says which.
commodity-gas = Gas
commodity-water = Water
commodity-electricity = Electricity
amount = How much
amount-title = Buy
amount-by-money = a sum of money
amount-by-quantity = an amount of { $what }
amount-go-on = What does it come to?
amount-wrong = Write a sum such as 20 or 20.50.
amount-wrong-quantity = Write an amount such as 5 or 12.5, with at most 3 digits after the point.
amount-wrong-either = Write a sum such as 20.50, or an amount with its unit such as 5m3 or 30kWh.
needs-network = This needs a network. What is paid already can be loaded without one.
keep-title = Keep this meter in the list
keep-change = Name, room and picture
keep-name = Name
keep-room = Room
keep-picture = Picture
keep-save = Keep
keep-forget = Take it off the list
kept = Kept in the list.

## What it costs, and paying
quote-title = What it comes to
quote-none = Nothing is about to be bought. Begin with a meter.
quote-total = In all
quote-buys = You get { $what }
quote-change = Change it
pay = Pay { $total }
pay-by = Pay by
pay-payer = Who pays
hint-telephone-number = Telephone number of the payer
pay-payer-missing = The payment provider must know who pays.
provider-sandbox = Trial payment, without real money
provider-manual = Cash or bank transfer
provider-stripe = Card
provider-daraja-stk = M-Pesa, confirmed on your telephone
provider-daraja-paybill = M-Pesa Pay Bill
pay-loads-at-once = When it is paid, this phone loads the meter at once. Stay at the meter.
pay-loads-later = Paid is not loaded: the token comes onto this phone, and is loaded when you are at the meter.
pay-later-load = One payment for all. The tokens come onto this phone; each meter is loaded when you are at it.
reach-title = Are you at the meter?
reach-why = Try the connection before you pay. If you are elsewhere, pay now and load later.
reach-try = Try the connection
reach-again = Try again
reach-yes = This phone reaches the meter, and it is the right one.
reach-code = For some minutes its display shows
reach-no = The meter was not reached; nothing is paid.
reach-none = This browser has no way to a meter.
reach-not-this-phone = This phone cannot talk to the meter itself. You can buy here, and then this phone shows a code: another phone scans it and loads the meter. Pay only if another phone will be there.

explain-block = { $amount } at { $price } a { $unit }
explain-block-of = Block { $block }: { $amount } at { $price } a { $unit }
explain-credit = Credit; the meter prices by itself what is used
explain-free = Free: { $amount }
explain-standing-days = { $n ->
    [one] Standing charge for one day, { $price }
   *[other] Standing charge for { $n } days, { $price } each
}
explain-standing-months = { $n ->
    [one] Standing charge for one month, { $price }
   *[other] Standing charge for { $n } months, { $price } each
}
explain-tax = { $name }, { $percent } %
explain-fee = { $name }
explain-debt = For your debt; { $left } is left of it
explain-rounding = Rounding

## An order
order-title = Your purchase
order-goes-on = You began this purchase earlier. It goes on here, and nothing is paid twice. If you want the same once more, buy it again.
order-unknown = This phone does not have this purchase.
order-fetch = Fetch it from the station
order-share = On another phone
order-share-why = Whoever opens this link has the purchase: its tokens and its receipts. It also brings everything back if this phone is lost. Keep it like a paper receipt.
order-may-go = This browser may throw away what it keeps when space gets short. Until the meter is loaded, keep the link of this purchase: it brings everything back.
order-code = Code with the link to this purchase
verdict-loaded = Loaded. Everything is in the meter.
verdict-ready = Paid. Not in the meter yet.
verdict-partly = Partly: look at each line.
verdict-refunding = A refund is under way. The money is not back yet.
verdict-person = Not finished: a person at the station is looking at it.
verdict-refunded = The money is back. Nothing is left to load.
verdict-nothing = Nothing was bought.
verdict-waiting = Not paid yet. Waiting for the payment.
verdict-unknown = Not known yet. Nothing is lost.
column-outcome = What became of it
column-lines = Lines
column-sum = Sum
outcome-loaded = Loaded
outcome-ready = Ready to load
outcome-refunding = Refund under way
outcome-refunded = Refunded
outcome-failed = Not bought
outcome-person = A person is looking at it
outcome-open = Not known yet
step-paid = Paid
step-sold = Sold
step-here = On this phone
step-loaded = Loaded
step-yes = yes
step-no = not yet
step-unknown = not known
step-returned = taken back
step-passed = done with
step-never = no
standing-unanswered = The station has not answered. Nothing is paid.
standing-rejected = The station refused it. Nothing is paid.
standing-declined = The payment was declined. Nothing was bought.
standing-quoted = Quoted. Not paid.
standing-awaiting-payment = Waiting for the payment.
standing-payment-unknown = What became of the payment is not known yet. Do not pay again; it is being asked.
standing-paid = Paid. Not sold yet.
standing-sale-unknown = Paid. What became of the sale is not known yet; it is being asked.
standing-sold = Paid and sold. Its token is being made.
standing-ready = Paid and sold. The token is on this phone. Not loaded into the meter yet.
standing-elsewhere = Paid and sold. Not loaded yet, as far as the station knows.
standing-handed = Handed to the meter, which gave no answer. Whether it is loaded is not known: load again, that is always right.
standing-needs-others-first = Not loaded: the meter needs another token first. Ask the station again, then load.
standing-account-closed = Not loaded: the meter's account is closed. Ask for the money back.
standing-bad-content = Not loaded: the meter cannot use this token. Ask the station again; it makes another one.
standing-loaded = Loaded. The meter has it.
standing-loaded-untold = Loaded. The meter has it; the station hears of it when there is a network.
standing-void-pending = A refund is asked for. First the meter must take the void token.
standing-voided = Taken back from the meter. The money is on its way back.
standing-sale-reversed = The sale is taken back. The money is on its way back.
standing-refunded = The money is back.
standing-expired = Not paid in time. Nothing was bought.
standing-payment-held = Ended without a sale. A person at the station is looking at the payment.
standing-failed-refunding = Ended without a sale. The money is on its way back.
standing-failed = Ended without a sale.
standing-person = A person at the station is looking at it.
standing-not-understood = This version of the app does not know how it stands. Load the page again.
loaded-receipt = The meter's receipt no. { $number } says so.
hand-over = Hand the token to another phone
hand-over-how = The other phone scans this code and hands the token to the meter. It may do so without a network. Handing it over twice counts once.
hand-over-code = Code with the token
refund = Ask for the money back
refund-how = A token for this purchase is out, and whoever has it could still load it. So the meter must first promise never to take it. That takes three steps:
refund-if-loaded = If the meter has loaded it already, there is no refund: you have what you paid for.
refund-ask = Ask for the money back
refund-step-asked = You ask for the money.
refund-step-carried = You carry the void token to the meter. Its receipt proves that this purchase can never be loaded.
refund-step-money = The money comes back.
refund-carry = The void token is on this phone. Go to the meter and hand it over, as if you loaded it. The money is not back before that.
refund-carry-now = Hand the void token over now
refund-fetch = The void token is not on this phone yet. Ask once more; then carry it to the meter.
receipt-open = Receipt

## At the meter
visit-title = At the meter
receipt-says = The meter's receipt no. { $number }: { $total } sold to it since it was made.
delivery-applied = Loaded. The meter has taken the credit.
delivery-applied-other = The meter has taken the settings that came along.
delivery-void = The meter has taken the void token: what it takes back can never be loaded now. The money comes back when the meter's receipt reaches the station.
delivery-covered = The meter has this already: nothing is left to load.
delivery-not-taken = Not loaded: the meter did not take this token. Nothing is lost.
delivery-other-key = This token is for an earlier life of this meter. The meter may have been replaced: ask the station again.
delivery-unclear = The meter answered, but says nothing of this token. Load again.
refused-not-yet = Not yet: the meter is too full. Use { $first } first, then load again. The token stays on this phone.
refused-needs-newer = Not yet: another token must come first. Ask the station again, then load.
refused-range = The meter must refuse it, since what it takes back is loaded. There is no refund for it.
refused-closed = The meter's account is closed; it takes no credit any more. Ask for the money back.
refused-content = The token is genuine, but this meter cannot use it. Ask the station again; it makes another one.
refused-total = Refused: the meter has more than this token knows of. Ask the station again.
refused-epoch = Refused: the meter's keys are newer or older. Ask the station again.
armed = The meter is ready: press its button to open it.
armed-gas = The meter is armed. First turn off every appliance. Then the resident presses the meter's button to open the gas.
valve-open = The meter is open.
still-shut = The meter stays shut for another reason. Its display says which.

## The family's list
list-title = Family list
list-how = Write what each meter is to get. One payment pays for all of them.
list-none = No meters are kept yet. Scan a label, and keep the meter by a name.
list-empty = Write at least one sum.
list-add = Add a meter

## A manager's house
house-title = Rounds
house-why = Pay for all meters of a house at once, then walk past them. No network is needed for walking.
house-import = Import meters from a file (CSV)
house-file = What the file looks like
house-file-how = The first line names the columns: meter, and if you like flat, room, persons and amount.
house-file-wrong = This file cannot be used. Nothing was changed.
house-more-wrong = and more lines: { $n }
house-taken = Meters in this house: { $n }.
house-gone = Not in the file any more, so taken off the house: { $n }.
file-too-many = The file has { $n } lines, and one payment is for at most 500. Make several files of it, each with the first line.
file-empty = There are no meters in the file.
file-no-column = The first line of the file must name a column { $name }. It names: { $found }
file-header = The file cannot be used: { $why }
line-wrong = Line { $line }: { $why }
line-no-meter = the number of the meter is missing.
line-shares = { $text } is no number of persons or shares; write a whole number such as 3.
line-twice = the meter { $label } is on line { $first } too. Put all that it is to get on one line.
line-quotation = a quotation mark has no second one.
line-letters = the letters cannot be read. Save the file as CSV in UTF-8.
line-cells = there are more cells than columns in the first line.
house-too-many = This phone keeps at most { $most } meters.
house-which = House
house-sums = What each meter gets
house-same = the same for all
house-share = by the unit: persons, rooms
house-target = up to a target balance
house-each = each by itself
house-paste = Paste sums: a label and a sum on each line, or sums in the order of the list
house-paste-wrong = Nothing was taken over. These lines are neither a label with a sum nor a sum, or there are too many: { $lines }
house-paste-strangers = Nothing was taken over. These meters are not in this house: { $labels }
house-line-wrong = Nothing can be bought for { $label }.
house-sum-of = Sum for { $name }
house-preview = { $n ->
    [one] One meter gets something
   *[other] { $n } meters get something
}
house-quantities = { $n ->
    [one] One line is an amount; what it costs comes next.
   *[other] { $n } lines are amounts; what they cost comes next.
}
planned-too-large = too large
planned-no-balance = its balance is not known here
planned-other-unit = another unit

## Walking a round
walk-title = Round
walk-begin = Walk the round
walk-go-on = Go on with the round
walk-done = { $n } done
walk-left = { $n } left
walk-skipped = { $n } skipped
walk-progress = How much of the round is done
walk-receipts = { $n ->
    [one] One receipt waits for a network
   *[other] { $n } receipts wait for a network
}
walk-over = Nothing is left to visit.
walk-all = { $n ->
    [one] The only meter
   *[other] All { $n } meters
}
walk-load = Load the meter at hand
walk-number = Another meter of the round
walk-load-number = Load this one
walk-choose = Take this one next
walk-not-here = The meter { $label } is not one of those that this phone walks to. Nothing was done.
walk-other = This was { $is }, not { $wanted }. { $wanted } is still to come.
walk-skip = Skip this one
walk-skip-why = Why?
walk-note = Note
walk-skip-now = Skip
walk-unskip = Back onto the list
walk-split = Share the round
walk-split-how = Another phone opens one of these links while it has a network. It may walk a half, or take the whole round over.
walk-part = This phone walks part { $part } of { $of }.
walk-take-all = Walk the whole round with this phone
walk-whole = The whole round
walk-half = Half { $number }
walk-result = Save the result (CSV)
walk-result-saved = The result is saved.
walk-result-failed = The result could not be saved.
skip-nobody-home = Nobody opened
skip-not-reachable = Cannot be reached
skip-no-answer = The meter gives no answer
skip-refused = The meter refused
skip-not-wanted = The resident does not want it
skip-other = Something else
stop-done = done: loaded
stop-left = to be visited

## History and receipts
history-title = History
history-none = Nothing was bought with this phone yet.
receipt-title = Receipt
receipt-when = When
receipt-utility = Utility
receipt-what = What
receipt-bought = Bought
receipt-amount = Paid
receipt-standing = State
receipt-meter-receipt = Meter's receipt
receipt-order = Purchase / line
lost-title = Another phone, or everything gone?
lost-how = Each purchase has a link. Open it, scan its code, or paste it here: tokens and receipts come back.
lost-link = Link to the purchase
lost-wrong = This is not a link to a purchase at this station. It has /o/ and a long number in it.
lost-scan = Scan its code
problem = Report a problem
problem-how = The people at { $station } read what you write.
problem-what = What is wrong?
problem-contact = How can you be reached? (only if you like)
problem-attached = These numbers go along, so that everything can be found:
problem-send = Send
problem-empty = Write what is wrong.
problem-sent = The station has your report. People will look at it.
problem-kept = Kept on this phone. It is sent when there is a network.
problem-number = Number of the report:
problem-taken = The station has your report no. { $number } now.
problem-waiting = { $n ->
    [one] One report waits for a network.
   *[other] { $n } reports wait for a network.
}
carry-title = A token from another phone
carry-kept = Kept on this phone, for the meter

## Settings
settings-title = Settings
settings-language = Language
settings-storage = What this phone keeps
settings-ways = Ways to a meter
settings-about = About
storage-stays = The browser has promised to keep it.
storage-may-go = The browser may throw it away when space gets short. Each purchase's link brings everything back.
storage-unknown = The browser does not say how long it keeps it. Each purchase's link brings everything back.
storage-tokens = { $n ->
    [0] No token waits here.
    [one] One token waits here.
   *[other] { $n } tokens wait here.
}
storage-damaged = { $n ->
    [one] One record cannot be read. It stays where it is; tell your utility.
   *[other] { $n } records cannot be read. They stay where they are; tell your utility.
}
way-bluetooth = Bluetooth
way-serial = Serial cable
way-cable = Ask meters over the cable, not over Bluetooth
way-nfc = Tapping a tag
about = Coinless is open source. It talks to this station alone, and follows nobody.

## When something does not work
trouble-store = The phone could not write what it must remember, so nothing was done. Make room on the phone, and do the same again.
trouble-newer-store = A newer version of this app has written what the phone keeps. Nothing was changed, and nothing is lost: load the page again when there is a network, to get the newer app.
trouble-damaged = Something that this phone keeps cannot be read, and may be this purchase. Nothing was bought. Tell your utility.
trouble-link = The meter gives no answer. Nothing is lost: come closer, and do the same again.
trouble-nothing-chosen = No meter was chosen. Nothing was done. If yours was not in the list, come closer and press its button, then try again.
trouble-offline = No network. Nothing is lost: the same again is right.
trouble-unclear = The station gave no clear answer. Nothing is lost: the same again is right.
trouble-recovering = The station is being put back from a backup and sells nothing for now. Nothing is lost; try again in some minutes.
trouble-refused = The station refuses this. Nothing was done. If you cannot see why, report it.
meter-refuses-malformed = The meter cannot read the message. Do the same again; if it stays so, report it.
meter-refuses-wrong-version = The meter speaks another version of the language. Load this page again; if it stays so, report it.
meter-refuses-unknown-key = The meter does not know a part of the message. Load this page again; if it stays so, report it.
meter-refuses-not-this-meter = It is for another meter. Compare the number on the label.
meter-refuses-other-key = It is for an earlier life of this meter: the meter was repaired or replaced since. Ask the station again; it makes another token.
meter-refuses-unknown-issuer = The meter does not know who made the token. It may belong to another utility. Report it.
meter-refuses-bad-signature = The token was changed on its way, or was not made by the utility. Report it.
meter-refuses-out-of-service = The meter is out of service. Report it; a technician must look at it.
meter-refuses-busy = The meter spares its battery. Press its button, or wait some minutes, and do the same again.
trouble-meter-busy = The meter spares its battery. Press its button, or wait some minutes, and do the same again.
trouble-not-authentic = What answered is not the meter that the station knows: it may have been replaced, or something changed its answer. Nothing was done. Compare the number on the label; if it is right, report it.
trouble-wrong-meter = This is the meter { $label }, and nothing is being bought for it. Nothing was done.
trouble-other-meter = This is the meter { $is }, and the token is for { $wanted }. Nothing was done.
trouble-other-order = The station's order is not the one that was asked for. Nothing more is paid.
trouble-no-such-order = The station does not know this purchase. Check the link: every character counts.
trouble-bad-purchase = This cannot be bought.
trouble-too-expensive = It would cost more than was shown. Nothing is paid; look at the new price.
trouble-other-payer = The same purchase with another payer is not finished. Wait until it is known how it ended.
trouble-nothing-to-refund = There is nothing to take back.
problem-unknown-meter = This meter is not known to this station.
problem-bad-meter-number = The meter's number is mistyped.
problem-bad-amount = This amount cannot be sold.
problem-over-maximum-credit = The meter cannot take so much. Choose less.
problem-not-sold = The utility does not sell this to this meter now. Ask your utility, or report it.
problem-replaced = This meter was replaced by the meter { $label }. Buy for that one.
problem-unavailable = A system that this needs does not answer now. Nothing is paid; try again in a moment.
problem-wrong-currency = Another currency is used for this meter.
problem-already-delivered = This is loaded already; there is no refund.
problem-not-possible-now = This is not possible as things stand now. Ask again how it stands.
problem-malformed = The station does not understand this. Load the page again; if it stays so, report it.
problem-unknown-utility = The meter's utility does not sell here any more. Ask your utility.
problem-unknown-provider = This way to pay is not offered any more. Choose another one.
problem-unknown-order = The station does not know this purchase. Check the link: every character counts.
problem-unknown-line = The station does not know this line of the purchase. Report it.
problem-recovering = The station is being put back from a backup and sells nothing for now. Nothing is lost; try again in some minutes.
problem-order-conflict = The station has another purchase with this number. Nothing more is paid. Ask again how it stands.
problem-quote-expired = The price is not valid any more. Nothing is paid. Ask again what it comes to.
problem-bad-receipt = The station does not know the meter of this receipt. Report it.
problem-bad-report = The station does not know the meter of this message. Report it.
problem-internal = The station failed. What became of it is not known; the same again is right.
problem-too-often = This was asked for too often. Wait some minutes.
problem-not-entitled = These readings are for whoever lives with the meter. Press its button and type the eight digits that its display shows.
problem-wrong-code = The meter does not show this code. Press its button and type the eight digits that it shows then.
problem-report-conflict = Another report has this id. Write it anew.
