# Maneno ya programu kwa Kiswahili. Majina ya ujumbe na yaliyo ndani ya mabano ni yale yale katika lugha zote.

app-name = Coinless
skip-to-content = Nenda kwenye yaliyomo
nav = Kurasa kuu
nav-home = Mwanzo
nav-list = Familia
nav-house = Mizunguko
nav-history = Historia
nav-settings = Mipangilio
offline = Nje ya mtandao
details = Maelezo
dismiss = Funga
nowhere = Hakuna kitu hapa
nowhere-why = Anwani hii haielekei popote; labda kiungo kimekatika mwisho. Anwani ya lebo huonekana hivi: …/m/CLS0000000017-Z. Fungua kiungo tena, skani lebo, au andika namba yake chini ya Mwanzo.
overtaken = Coinless imefunguliwa kwenye kichupo kingine
overtaken-why = Kichupo kimoja tu kwa wakati hutumia kilichohifadhiwa na simu hii. Hakuna kilichopotea.
go-on-here = Endelea hapa
share = Shiriki
copy = Nakili
copied = Imenakiliwa. Ibandike unapotaka.
copy-failed = Kivinjari hakiruhusu programu kunakili. Chagua maandishi uyanakili mwenyewe.
print = Chapisha
sync = Uliza tena hali ilivyo
reason = Sababu:
lines = { $n ->
    [one] Kipengele kimoja
   *[other] Vipengele { $n }
}

## Kinachoendelea
running-asking = Inauliza kituo…
running-connecting = Inatafuta mita…
running-buying = Inanunua. Fuata maelekezo ya huduma yako ya malipo…
running-loading = Inaipa mita tokeni. Kaa karibu…
running-syncing = Inauliza kituo hali ilivyo…
opening-slow = Coinless bado haijapakiwa. Kama hakuna kinachoonekana, angalia kama kuna mtandao, kisha pakia ukurasa huu tena.
part-loading = Sehemu hii ya Coinless inapakiwa…
part-missing = Sehemu hii ya Coinless haikuweza kupakiwa. Hakuna kilichopotea. Jaribu tena kukiwa na mtandao.
part-again = Jaribu tena

## Mwanzo
home-title = Mita ipi?
home-scan = Skani lebo
home-type = Namba iliyo kwenye lebo
home-find = Tafuta
home-meters = Mita zako
home-waiting = { $n ->
    [one] Imelipwa, bado haijaingizwa: mita moja inasubiri simu hii.
   *[other] Imelipwa, bado haijaingizwa: mita { $n } zinasubiri simu hii.
}
in-room = { $what }, { $room }
order-open = { $n ->
    [one] Kipengele kimoja hakijakamilika
   *[other] Vipengele { $n } havijakamilika
}
order-ready = { $n ->
    [one] Kipengele kimoja kinasubiri kuingizwa
   *[other] Vipengele { $n } vinasubiri kuingizwa
}
load-now = Ingiza kwenye mita sasa
load-this = Ingiza kwenye { $name } sasa
load-how = Simama karibu na mita. Simu huchagua tokeni sahihi kwa namba ya mita yenyewe.
load-nothing = Simu hii haina kitu cha mita { $label }.
load-interrupted = Haijakamilika. Kila kitu bado kipo kwenye simu hii; fanya tena vilevile.
label-slip = Herufi moja imekosewa: ya mwisho haiendani na nyingine. Linganisha na lebo.
label-check-missing = Andika namba yote, pamoja na kistari na herufi ya mwisho, kama CLS0000000017-Z.
label-shape = Hii si namba ya mita. Huonekana kama CLS0000000017-Z na imechapishwa kwenye lebo.

## Kuskani
scan-title = Skani lebo
scan-view = Kinachoonekana na kamera
scan-starting = Kamera inawashwa…
scan-aim = Weka msimbo wa mraba wa lebo ndani ya picha.
scan-no-camera = Hakuna kamera inayoweza kutumika hapa. Piga picha ya lebo, au andika namba yake.
scan-camera-denied = Kamera haijaruhusiwa kwa ukurasa huu. Iruhusu kwenye mipangilio ya kivinjari kisha pakia ukurasa tena, au piga picha ya lebo, au andika namba yake.
scan-picture = Piga au chagua picha
scan-nfc = Gusa kitambulisho cha mita
scan-nfc-failed = Kitambulisho hakikusomeka. Shikilia simu hapo kwa muda mfupi, au skani lebo.
scan-type = Andika namba badala yake
scan-nothing = Hakuna msimbo uliopatikana kwenye picha hii. Sogea karibu, lebo iwe wima na kwenye mwanga.
scan-other = Msimbo huu si wa lebo za kituo hiki.
picture-wrong = Faili hili si picha ambayo simu inaweza kusoma.

## Mita
meter-title = Mita
meter-nobody = Kampuni haitaji jina wala mahali.
meter-is-it-yours = Majina yamefichwa kwa sehemu. Je, hii ndiyo mita sahihi? Kama siyo, usilipe.
meter-load-only = Nimeshalipa: ingiza kilicho kwenye simu hii
meter-history = Kilichonunuliwa awali
meter-go = Nenda kwenye mita { $label }
readings-title = Salio na matumizi
readings-earn = Ona salio na matumizi ya mita hii
readings-how = Kwa anayeishi na mita hii. Bonyeza kitufe cha mita, na uandike tarakimu nane zinazoonyeshwa na skrini yake. Mara moja inatosha, hadi mpangaji abadilike.
readings-code = Msimbo kwenye skrini ya mita
readings-open = Onyesha salio
readings-ended = Masomo haya sasa ni ya wengine: mpangaji amebadilika, au simu nyingine nyingi mno zimeongezwa. Kama unaishi hapa, andika msimbo upya.
readings-none = Hakuna kilichosomwa bado. Ingiza salio kwenye mita: risiti yake huleta masomo.
readings-balance = Salio
readings-at = Imesomwa { $when }, kwa risiti ya mita namba { $number }.
readings-mean = Takriban { $mean } hutumika kwa siku.
lasts-days = { $n ->
    [0] Kwa matumizi haya, halitoshi siku moja.
    [one] Kwa matumizi haya, litatosha siku moja zaidi.
   *[other] Kwa matumizi haya, litatosha siku { $n } zaidi.
}
lasts-used-up = Limekwisha.
lasts-not-known = Bado haijulikani litatosha muda gani: inahitajika siku moja au zaidi kati ya masomo mawili, na matumizi kiasi.
code-shape = Msimbo una tarakimu nane, kama 1234 5678.
code-wrong = { $n ->
    [one] Mita haionyeshi msimbo huu. Bonyeza kitufe chake uangalie tena. Limebaki jaribio moja katika saa hii.
   *[other] Mita haionyeshi msimbo huu. Bonyeza kitufe chake uangalie tena. Yamebaki majaribio { $n } katika saa hii.
}
code-wrong-last = Mita haionyeshi msimbo huu, na hakuna majaribio yaliyobaki kwa sasa. Hakuna kilichopotea; jaribu tena baada ya saa moja.
code-too-many = Misimbo mingi mno isiyo sahihi imeandikwa kwa mita hii. Hakuna kilichopotea; jaribu tena baada ya saa moja.
code-too-many-until = Misimbo mingi mno isiyo sahihi imeandikwa kwa mita hii. Hakuna kilichopotea; jaribu tena { $when }.
code-first-receipt = Mpangaji amebadilika, na kituo hakijapata habari za mita tangu hapo. Kwanza ingiza kitu; kisha bonyeza kitufe cha mita na uandike msimbo itakaoonyesha.
chart-title = Matumizi kwa siku
chart-most = Ya juu zaidi: { $used } tarehe { $day }.
chart-hollow = Nguzo hafifu ni makadirio: siku hizo hakuna kilichosomwa.
chart-as-table = Vilevile kama jedwali
chart-day = Siku
chart-used = Kilichotumika
chart-estimated = makadirio
alarm-low-credit = Salio linapungua. Nunua hivi karibuni.
alarm-very-low-credit = Salio linakaribia kwisha. Nunua sasa.
alarm-valve-failed = Vali haifungi inavyopaswa. Iambie kampuni yako.
alarm-emergency-credit = Salio la dharura linatumika. Kilichochukuliwa hulipwa na ununuzi unaofuata.
alarm-clock-not-known = Mita haijui saa. Hurekebishwa simu yenye mtandao inapoingiza salio.
alarm-other = Mita inaonya kuhusu jambo ambalo toleo hili la programu halijui. Skrini yake inaeleza.
cause-no-credit = Mita imefungwa: salio limekwisha. Nunua na uingize.
cause-command = Mita imefungwa kwa amri ya kampuni. Uliza kampuni yako.
cause-tamper = Mita imefungwa: mtu ameifungua au kuisogeza. Lazima fundi aiangalie.
cause-flow = Mita imefungwa: kilichopita kilizidi kiasi. Tafuta mvujo. Lazima fundi aiangalie.
cause-low-battery = Mita imefungwa: betri yake ni dhaifu. Iambie kampuni yako.
cause-disuse = Mita imefungwa: haijatumika kwa muda mrefu. Uliza kampuni yako.
cause-closed-account = Mita imefungwa: akaunti yake imefungwa. Uliza kampuni yako.
cause-fault = Mita imefungwa: imegundua hitilafu ndani yake. Iambie kampuni yako.
cause-other = Mita imefungwa kwa sababu nyingine. Skrini yake inaeleza.
commodity-gas = Gesi
commodity-water = Maji
commodity-electricity = Umeme
amount = Kiasi gani
amount-title = Nunua
amount-by-money = kiasi cha pesa
amount-by-quantity = kiasi cha matumizi ({ $what })
amount-go-on = Itagharimu kiasi gani?
amount-wrong = Andika kiasi cha pesa kama 20 au 20.50.
amount-wrong-quantity = Andika kiasi kama 5 au 12.5, desimali zisizidi 3.
amount-wrong-either = Andika kiasi cha pesa kama 20.50, au matumizi pamoja na kipimo chake kama 5m3 au 30kWh.
needs-network = Hapa mtandao unahitajika. Kilichokwisha lipwa kinaweza kuingizwa bila mtandao.
keep-title = Hifadhi mita hii kwenye orodha
keep-change = Jina, chumba na picha
keep-name = Jina
keep-room = Chumba
keep-picture = Picha
keep-save = Hifadhi
keep-forget = Iondoe kwenye orodha
kept = Imehifadhiwa kwenye orodha.

## Gharama na malipo
quote-title = Gharama yake
quote-none = Hakuna kinachonunuliwa sasa. Anza na mita.
quote-total = Jumla
quote-buys = Unapata { $what }
quote-change = Badilisha
pay = Lipa { $total }
pay-by = Lipa kwa
pay-payer = Anayelipa
hint-telephone-number = Namba ya simu ya anayelipa
pay-payer-missing = Huduma ya malipo lazima ijue nani analipa.
provider-sandbox = Malipo ya majaribio, bila pesa halisi
provider-manual = Pesa taslimu au kupitia benki
provider-stripe = Kadi
provider-daraja-stk = M-Pesa, unathibitisha kwenye simu yako
provider-daraja-paybill = M-Pesa Lipa na Pay Bill
pay-loads-at-once = Ikishalipwa, simu hii huingiza kwenye mita mara moja. Kaa karibu na mita.
pay-loads-later = Kulipa si kuingiza: tokeni huja kwenye simu hii, na huingizwa ukiwa karibu na mita.
pay-later-load = Malipo mamoja kwa zote. Tokeni huja kwenye simu hii; kila mita huingizwa ukiwa karibu nayo.
reach-title = Je, uko karibu na mita?
reach-why = Jaribu muunganisho kabla ya kulipa. Kama uko kwingine, lipa sasa na uingize baadaye.
reach-try = Jaribu muunganisho
reach-again = Jaribu tena
reach-yes = Simu hii inaifikia mita, na ndiyo sahihi.
reach-code = Kwa dakika chache skrini yake inaonyesha
reach-no = Mita haikufikiwa; hakuna kilicholipwa.
reach-none = Kivinjari hiki hakina njia ya kufikia mita.
reach-not-this-phone = Simu hii haiwezi kuzungumza na mita yenyewe. Unaweza kununua hapa, kisha simu hii itaonyesha msimbo: simu nyingine huuskani na kuingiza kwenye mita. Lipa tu kama simu nyingine itakuwepo.

explain-block = { $amount } kwa { $price } kila { $unit }
explain-block-of = Kiwango { $block }: { $amount } kwa { $price } kila { $unit }
explain-credit = Salio; mita yenyewe hukokotoa bei ya kinachotumika
explain-free = Bure: { $amount }
explain-standing-days = { $n ->
    [one] Ada ya kudumu ya siku moja, { $price }
   *[other] Ada ya kudumu ya siku { $n }, { $price } kila moja
}
explain-standing-months = { $n ->
    [one] Ada ya kudumu ya mwezi mmoja, { $price }
   *[other] Ada ya kudumu ya miezi { $n }, { $price } kila mmoja
}
explain-tax = { $name }, { $percent }%
explain-fee = { $name }
explain-debt = Kwa deni lako; limebaki { $left }
explain-rounding = Kukamilisha hesabu

## Oda
order-title = Ununuzi wako
order-goes-on = Ulianza ununuzi huu hapo awali. Unaendelea hapa, na hakuna kinacholipwa mara mbili. Ukitaka kitu kile kile mara nyingine, kinunue tena.
order-unknown = Simu hii haina ununuzi huu.
order-fetch = Uchukue kutoka kituoni
order-share = Kwenye simu nyingine
order-share-why = Anayefungua kiungo hiki anapata ununuzi: tokeni na risiti zake. Pia hurudisha kila kitu simu hii ikipotea. Kitunze kama risiti ya karatasi.
order-may-go = Kivinjari hiki kinaweza kufuta kinachohifadhi nafasi ikipungua. Hadi mita ipakiwe, hifadhi kiungo cha ununuzi huu: hurudisha kila kitu.
order-code = Msimbo wenye kiungo cha ununuzi huu
verdict-loaded = Imeingizwa. Kila kitu kipo ndani ya mita.
verdict-ready = Imelipwa. Bado haipo ndani ya mita.
verdict-partly = Kwa sehemu: angalia kila kipengele.
verdict-refunding = Kurudishiwa pesa kunaendelea. Pesa bado hazijarudi.
verdict-person = Haijakamilika: mtu kituoni anaishughulikia.
verdict-refunded = Pesa zimerudi. Hakuna kilichobaki kuingizwa.
verdict-nothing = Hakuna kilichonunuliwa.
verdict-waiting = Bado haijalipwa. Malipo yanasubiriwa.
verdict-unknown = Bado haijulikani. Hakuna kilichopotea.
column-outcome = Matokeo
column-lines = Vipengele
column-sum = Kiasi
outcome-loaded = Imeingizwa
outcome-ready = Tayari kuingizwa
outcome-refunding = Kurudishiwa pesa kunaendelea
outcome-refunded = Pesa zimerudishwa
outcome-failed = Haikununuliwa
outcome-person = Mtu anaishughulikia
outcome-open = Bado haijulikani
step-paid = Imelipwa
step-sold = Imeuzwa
step-here = Kwenye simu hii
step-loaded = Imeingizwa
step-yes = ndiyo
step-no = bado
step-unknown = haijulikani
step-returned = imerudishwa
step-passed = imekwisha
step-never = hapana
standing-unanswered = Kituo hakijajibu. Hakuna kilicholipwa.
standing-rejected = Kituo kimekataa. Hakuna kilicholipwa.
standing-declined = Malipo yamekataliwa. Hakuna kilichonunuliwa.
standing-quoted = Bei imetajwa. Haijalipwa.
standing-awaiting-payment = Inasubiri malipo.
standing-payment-unknown = Hali ya malipo bado haijulikani. Usilipe tena; inaulizwa.
standing-paid = Imelipwa. Bado haijauzwa.
standing-sale-unknown = Imelipwa. Hali ya mauzo bado haijulikani; inaulizwa.
standing-sold = Imelipwa na kuuzwa. Tokeni yake inatengenezwa.
standing-ready = Imelipwa na kuuzwa. Tokeni ipo kwenye simu hii. Bado haijaingizwa kwenye mita.
standing-elsewhere = Imelipwa na kuuzwa. Bado haijaingizwa, kwa kadiri kituo kinavyojua.
standing-handed = Imepewa mita, ambayo haikujibu. Haijulikani kama imeingizwa: ingiza tena, hilo ni sahihi daima.
standing-needs-others-first = Haijaingizwa: mita inahitaji tokeni nyingine kwanza. Uliza kituo tena, kisha ingiza.
standing-account-closed = Haijaingizwa: akaunti ya mita imefungwa. Omba kurudishiwa pesa.
standing-bad-content = Haijaingizwa: mita haiwezi kutumia tokeni hii. Uliza kituo tena; kitatengeneza nyingine.
standing-loaded = Imeingizwa. Mita inayo.
standing-loaded-untold = Imeingizwa. Mita inayo; kituo kitajua mtandao ukipatikana.
standing-void-pending = Kurudishiwa pesa kumeombwa. Kwanza mita lazima ipokee tokeni ya kufuta.
standing-voided = Imeondolewa kwenye mita. Pesa zinarudi.
standing-sale-reversed = Mauzo yamebatilishwa. Pesa zinarudi.
standing-refunded = Pesa zimerudi.
standing-expired = Haikulipwa kwa wakati. Hakuna kilichonunuliwa.
standing-payment-held = Imeisha bila mauzo. Mtu kituoni anaangalia malipo.
standing-failed-refunding = Imeisha bila mauzo. Pesa zinarudi.
standing-failed = Imeisha bila mauzo.
standing-person = Mtu kituoni anaishughulikia.
standing-not-understood = Toleo hili la programu halijui hali hii. Pakia ukurasa upya.
loaded-receipt = Risiti ya mita namba { $number } inathibitisha.
hand-over = Ipe simu nyingine tokeni
hand-over-how = Simu nyingine huskani msimbo huu na kukabidhi tokeni kwa mita. Inaweza kufanya hivyo bila mtandao. Kukabidhi mara mbili huhesabiwa mara moja tu.
hand-over-code = Msimbo wenye tokeni
refund = Omba kurudishiwa pesa
refund-how = Tokeni ya ununuzi huu imeshatoka, na aliye nayo bado angeweza kuiingiza. Kwa hiyo mita lazima kwanza iahidi kutoipokea kamwe. Kuna hatua tatu:
refund-if-loaded = Kama mita imeshaiingiza, pesa hazirudishwi: unacho ulicholipia.
refund-ask = Omba kurudishiwa pesa
refund-step-asked = Unaomba pesa.
refund-step-carried = Unapeleka tokeni ya kufuta kwenye mita. Risiti yake inathibitisha kwamba ununuzi huu hauwezi kuingizwa kamwe.
refund-step-money = Pesa zinarudi.
refund-carry = Tokeni ya kufuta ipo kwenye simu hii. Nenda kwenye mita uikabidhi, kama unavyoingiza. Kabla ya hapo pesa hazirudi.
refund-carry-now = Kabidhi tokeni ya kufuta sasa
refund-fetch = Tokeni ya kufuta bado haipo kwenye simu hii. Uliza tena; kisha uipeleke kwenye mita.
receipt-open = Risiti

## Kwenye mita
visit-title = Kwenye mita
receipt-says = Risiti ya mita namba { $number }: imeuziwa { $total } tangu ilipotengenezwa.
delivery-applied = Imeingizwa. Mita imepokea salio.
delivery-applied-other = Mita imepokea mipangilio iliyokuja pamoja.
delivery-void = Mita imepokea tokeni ya kufuta: kinachorudishwa hakiwezi kuingizwa tena kamwe. Pesa hurudi risiti ya mita ikifika kituoni.
delivery-covered = Mita inayo tayari: hakuna cha kuingiza.
delivery-not-taken = Haijaingizwa: mita haikupokea tokeni hii. Hakuna kilichopotea.
delivery-other-key = Tokeni hii ni ya wakati wa awali wa mita hii. Huenda mita imebadilishwa: uliza kituo tena.
delivery-unclear = Mita imejibu, lakini haisemi chochote kuhusu tokeni hii. Ingiza tena.
refused-not-yet = Bado: mita imejaa mno. Tumia { $first } kwanza, kisha ingiza tena. Tokeni inabaki kwenye simu hii.
refused-needs-newer = Bado: tokeni nyingine lazima itangulie. Uliza kituo tena, kisha ingiza.
refused-range = Mita lazima ikatae, kwa kuwa kinachorudishwa kimeshaingizwa. Pesa hazirudishwi.
refused-closed = Akaunti ya mita imefungwa; haipokei salio tena. Omba kurudishiwa pesa.
refused-content = Tokeni ni halisi, lakini mita hii haiwezi kuitumia. Uliza kituo tena; kitatengeneza nyingine.
refused-total = Imekataliwa: mita ina zaidi ya inavyojua tokeni hii. Uliza kituo tena.
refused-epoch = Imekataliwa: funguo za mita ni mpya zaidi au za zamani zaidi. Uliza kituo tena.
armed = Mita iko tayari: bonyeza kitufe chake kuifungua.
armed-gas = Mita iko tayari kufunguliwa. Kwanza zima vifaa vyote. Kisha mkazi abonyeze kitufe cha mita kufungua gesi.
valve-open = Mita imefunguka.
still-shut = Mita bado imefungwa kwa sababu nyingine. Skrini yake inaeleza.

## Orodha ya familia
list-title = Orodha ya familia
list-how = Andika kila mita ipate kiasi gani. Malipo mamoja hulipia zote.
list-none = Hakuna mita iliyohifadhiwa bado. Skani lebo, na uhifadhi mita kwa jina.
list-empty = Andika angalau kiasi kimoja.
list-add = Ongeza mita

## Jengo la msimamizi
house-title = Mizunguko
house-why = Lipia mita zote za jengo kwa mara moja, kisha zipitie. Kuzipitia hakuhitaji mtandao.
house-import = Ingiza mita kutoka kwenye faili (CSV)
house-file = Faili linavyoonekana
house-file-how = Mstari wa kwanza hutaja safu: meter, na ukipenda flat, room, persons na amount.
house-file-wrong = Faili hili haliwezi kutumika. Hakuna kilichobadilishwa.
house-more-wrong = na mistari mingine: { $n }
house-taken = Mita za nyumba hii: { $n }.
house-gone = Hazimo tena kwenye faili, kwa hiyo zimeondolewa: { $n }.
file-too-many = Faili ina mistari { $n }, na malipo moja ni ya mistari isiyozidi 500. Igawe iwe faili kadhaa, kila moja na mstari wa kwanza.
file-empty = Hakuna mita kwenye faili.
file-no-column = Mstari wa kwanza wa faili lazima utaje safu { $name }. Unataja: { $found }
file-header = Faili hii haiwezi kutumika: { $why }
line-wrong = Mstari { $line }: { $why }
line-no-meter = namba ya mita haipo.
line-shares = { $text } si idadi ya watu wala ya hisa; andika namba kamili kama 3.
line-twice = mita { $label } iko pia kwenye mstari { $first }. Weka yote itakayopata kwenye mstari mmoja.
line-quotation = alama ya nukuu haina mwenzake.
line-letters = herufi hazisomeki. Hifadhi faili kama CSV ya UTF-8.
line-cells = kuna visanduku vingi kuliko safu za mstari wa kwanza.
house-too-many = Simu hii huhifadhi mita zisizozidi { $most }.
house-which = Jengo
house-sums = Kila mita inapata nini
house-same = sawa kwa zote
house-share = kwa idadi: watu, vyumba
house-target = hadi salio linalotakiwa
house-each = kila moja peke yake
house-paste = Bandika viasi: lebo na kiasi kwenye kila mstari, au viasi kwa mpangilio wa orodha
house-paste-wrong = Hakuna kilichochukuliwa. Mistari hii si lebo yenye kiasi wala kiasi, au imezidi: { $lines }
house-paste-strangers = Hakuna kilichochukuliwa. Mita hizi hazimo kwenye nyumba hii: { $labels }
house-line-wrong = Hakuna kinachoweza kununuliwa kwa { $label }.
house-sum-of = Kiasi cha { $name }
house-preview = { $n ->
    [one] Mita moja inapata kitu
   *[other] Mita { $n } zinapata kitu
}
house-quantities = { $n ->
    [one] Kipengele kimoja ni cha matumizi; bei yake inafuata.
   *[other] Vipengele { $n } ni vya matumizi; bei zake zinafuata.
}
planned-too-large = kubwa mno
planned-no-balance = salio lake halijulikani hapa
planned-other-unit = kipimo kingine

## Kupitia mzunguko
walk-title = Mzunguko
walk-begin = Anza mzunguko
walk-go-on = Endelea na mzunguko
walk-done = { $n ->
    [one] { $n } imekamilika
   *[other] { $n } zimekamilika
}
walk-left = { $n ->
    [one] { $n } imebaki
   *[other] { $n } zimebaki
}
walk-skipped = { $n ->
    [one] { $n } imerukwa
   *[other] { $n } zimerukwa
}
walk-progress = Kiasi cha mzunguko kilichokamilika
walk-receipts = { $n ->
    [one] Risiti moja inasubiri mtandao
   *[other] Risiti { $n } zinasubiri mtandao
}
walk-over = Hakuna iliyobaki ya kutembelea.
walk-all = { $n ->
    [one] Mita pekee
   *[other] Mita zote { $n }
}
walk-load = Ingiza kwenye mita iliyo hapa
walk-number = Mita nyingine ya mzunguko
walk-load-number = Jaza hii
walk-choose = Nenda hii sasa
walk-not-here = Mita { $label } si mojawapo ya zile ambazo simu hii inazitembelea. Hakuna kilichofanyika.
walk-other = Hii ilikuwa { $is }, si { $wanted }. { $wanted } bado.
walk-skip = Ruka hii
walk-skip-why = Kwa nini?
walk-note = Maelezo
walk-skip-now = Ruka
walk-unskip = Irudishe kwenye orodha
walk-split = Gawana mzunguko
walk-split-how = Simu nyingine hufungua kimojawapo cha viungo hivi ikiwa na mtandao. Inaweza kupitia nusu, au kuchukua mzunguko wote.
walk-part = Simu hii inapitia sehemu ya { $part } kati ya { $of }.
walk-take-all = Tembea mzunguko wote kwa simu hii
walk-whole = Mzunguko wote
walk-half = Nusu ya { $number }
walk-result = Hifadhi matokeo (CSV)
walk-result-saved = Matokeo yamehifadhiwa.
walk-result-failed = Matokeo hayakuweza kuhifadhiwa.
skip-nobody-home = Hakuna aliyefungua
skip-not-reachable = Haifikiki
skip-no-answer = Mita haijibu
skip-refused = Mita imekataa
skip-not-wanted = Mkazi hataki
skip-other = Sababu nyingine
stop-done = tayari: imeingizwa
stop-left = ya kutembelewa

## Historia na risiti
history-title = Historia
history-none = Hakuna kilichonunuliwa kwa simu hii bado.
receipt-title = Risiti
receipt-when = Lini
receipt-utility = Kampuni
receipt-what = Nini
receipt-bought = Kilichonunuliwa
receipt-amount = Kilicholipwa
receipt-standing = Hali
receipt-meter-receipt = Risiti ya mita
receipt-order = Ununuzi / kipengele
lost-title = Simu nyingine, au kila kitu kimepotea?
lost-how = Kila ununuzi una kiungo. Kifungue, skani msimbo wake, au ukibandike hapa: tokeni na risiti hurudi.
lost-link = Kiungo cha ununuzi
lost-wrong = Hiki si kiungo cha ununuzi wa kituo hiki. Kina /o/ na namba ndefu.
lost-scan = Skani msimbo wake
problem = Ripoti tatizo
problem-how = Watu wa { $station } husoma unachoandika.
problem-what = Kuna tatizo gani?
problem-contact = Unaweza kupatikana vipi? (ukipenda tu)
problem-attached = Namba hizi zinatumwa pamoja, ili kila kitu kipatikane:
problem-send = Tuma
problem-empty = Andika kuna tatizo gani.
problem-sent = Kituo kina ripoti yako. Watu wataiangalia.
problem-kept = Imehifadhiwa kwenye simu hii. Itatumwa mtandao ukiwepo.
problem-number = Namba ya ripoti:
problem-taken = Kituo sasa kina ripoti yako namba { $number }.
problem-waiting = { $n ->
    [one] Ripoti moja inasubiri mtandao.
   *[other] Ripoti { $n } zinasubiri mtandao.
}
carry-title = Tokeni kutoka simu nyingine
carry-kept = Imehifadhiwa kwenye simu hii, kwa mita

## Mipangilio
settings-title = Mipangilio
settings-language = Lugha
settings-storage = Simu hii inachohifadhi
settings-ways = Njia za kufikia mita
settings-about = Kuhusu
storage-stays = Kivinjari kimeahidi kukitunza.
storage-may-go = Kivinjari kinaweza kukifuta nafasi ikipungua. Kiungo cha kila ununuzi hurudisha kila kitu.
storage-unknown = Kivinjari hakisemi kitakitunza kwa muda gani. Kiungo cha kila ununuzi hurudisha kila kitu.
storage-tokens = { $n ->
    [0] Hakuna tokeni inayosubiri hapa.
    [one] Tokeni moja inasubiri hapa.
   *[other] Tokeni { $n } zinasubiri hapa.
}
storage-damaged = { $n ->
    [one] Rekodi moja haisomeki. Inabaki mahali pake; iambie kampuni yako.
   *[other] Rekodi { $n } hazisomeki. Zinabaki mahali pake; iambie kampuni yako.
}
way-bluetooth = Bluetooth
way-serial = Kebo ya serial
way-cable = Fikia mita kwa waya, si kwa Bluetooth
way-nfc = Kugusa kitambulisho
about = Coinless ni programu huria. Huzungumza na kituo hiki tu, na haimfuatilii mtu yeyote.

## Kitu kisipofanya kazi
trouble-store = Simu haikuweza kuandika inachopaswa kukumbuka, hivyo hakuna kilichofanyika. Ongeza nafasi kwenye simu, kisha fanya tena vilevile.
trouble-newer-store = Toleo jipya zaidi la programu hii limeandika kinachohifadhiwa na simu. Hakuna kilichobadilishwa wala kupotea: pakia ukurasa tena kukiwa na mtandao, ili upate programu mpya.
trouble-damaged = Kitu kilichohifadhiwa na simu hii hakisomeki, na huenda ni ununuzi huu. Hakuna kilichonunuliwa. Iambie kampuni yako.
trouble-link = Mita haijibu. Hakuna kilichopotea: sogea karibu, kisha fanya tena vilevile.
trouble-nothing-chosen = Hakuna mita iliyochaguliwa. Hakuna kilichofanyika. Kama yako haikuwa kwenye orodha, sogea karibu, bonyeza kitufe chake, kisha jaribu tena.
trouble-offline = Hakuna mtandao. Hakuna kilichopotea: kufanya tena vilevile ni sahihi.
trouble-unclear = Kituo hakikutoa jibu la wazi. Hakuna kilichopotea: kufanya tena vilevile ni sahihi.
trouble-recovering = Kituo kinarejeshwa kutoka nakala, na kwa sasa hakiuzi. Hakuna kilichopotea; jaribu tena baada ya dakika chache.
trouble-refused = Kituo kinakataa hili. Hakuna kilichofanyika. Kama huoni sababu, ripoti.
meter-refuses-malformed = Mita haiwezi kusoma ujumbe. Fanya tena vilevile; ikibaki hivyo, ripoti.
meter-refuses-wrong-version = Mita inazungumza toleo jingine la lugha. Pakia ukurasa huu tena; ikibaki hivyo, ripoti.
meter-refuses-unknown-key = Mita haijui sehemu ya ujumbe. Pakia ukurasa huu tena; ikibaki hivyo, ripoti.
meter-refuses-not-this-meter = Ni ya mita nyingine. Linganisha namba kwenye lebo.
meter-refuses-other-key = Ni ya wakati wa awali wa mita hii: imetengenezwa au kubadilishwa tangu hapo. Uliza kituo tena; kitatengeneza tokeni nyingine.
meter-refuses-unknown-issuer = Mita haimjui aliyetengeneza tokeni. Huenda ni ya kampuni nyingine. Ripoti.
meter-refuses-bad-signature = Tokeni imebadilishwa njiani, au haikutengenezwa na kampuni. Ripoti.
meter-refuses-out-of-service = Mita haifanyi kazi. Ripoti; lazima fundi aiangalie.
meter-refuses-busy = Mita inatunza betri yake. Bonyeza kitufe chake, au subiri dakika chache, kisha fanya tena vilevile.
trouble-meter-busy = Mita inatunza betri yake. Bonyeza kitufe chake, au subiri dakika chache, kisha fanya tena vilevile.
trouble-not-authentic = Kilichojibu si mita ambayo kituo kinaijua: huenda imebadilishwa, au kitu kimebadilisha jibu lake. Hakuna kilichofanyika. Linganisha namba kwenye lebo; kama ni sahihi, ripoti.
trouble-wrong-meter = Hii ni mita { $label }, na hakuna kinachonunuliwa kwa ajili yake. Hakuna kilichofanyika.
trouble-other-meter = Hii ni mita { $is }, na tokeni ni ya { $wanted }. Hakuna kilichofanyika.
trouble-other-order = Oda ya kituo si ile iliyoulizwa. Hakuna kinacholipwa zaidi.
trouble-no-such-order = Kituo hakijui ununuzi huu. Kagua kiungo: kila herufi ni muhimu.
trouble-bad-purchase = Hiki hakiwezi kununuliwa.
trouble-too-expensive = Kingegharimu zaidi ya kilichoonyeshwa. Hakuna kilicholipwa; angalia bei mpya.
trouble-other-payer = Ununuzi huo huo kwa mlipaji mwingine haujakamilika. Subiri ijulikane ulivyoisha.
trouble-nothing-to-refund = Hakuna cha kurudisha.
problem-unknown-meter = Kituo hiki hakiijui mita hii.
problem-bad-meter-number = Namba ya mita imekosewa.
problem-bad-amount = Kiasi hiki hakiwezi kuuzwa.
problem-over-maximum-credit = Mita haiwezi kupokea kiasi hicho. Chagua kidogo zaidi.
problem-not-sold = Kampuni haiiuzii mita hii kwa sasa. Uliza kampuni yako, au ripoti.
problem-replaced = Mita hii imebadilishwa na mita { $label }. Nunua kwa hiyo.
problem-unavailable = Mfumo unaohitajika haujibu sasa. Hakuna kilicholipwa; jaribu tena baada ya muda mfupi.
problem-wrong-currency = Mita hii hutumia sarafu nyingine.
problem-already-delivered = Hii imeshaingizwa; pesa hazirudishwi.
problem-not-possible-now = Kwa hali ilivyo sasa haiwezekani. Uliza tena hali ilivyo.
problem-malformed = Kituo hakielewi hili. Pakia ukurasa tena; ikibaki hivyo, ripoti.
problem-unknown-utility = Kampuni ya mita haiuzi hapa tena. Uliza kampuni yako.
problem-unknown-provider = Njia hii ya kulipa haipo tena. Chagua nyingine.
problem-unknown-order = Kituo hakijui ununuzi huu. Kagua kiungo: kila herufi ni muhimu.
problem-unknown-line = Kituo hakijui kipengele hiki cha ununuzi. Ripoti.
problem-recovering = Kituo kinarejeshwa kutoka nakala, na kwa sasa hakiuzi. Hakuna kilichopotea; jaribu tena baada ya dakika chache.
problem-order-conflict = Kituo kina ununuzi mwingine wenye namba hii. Hakuna kinacholipwa zaidi. Uliza tena hali ilivyo.
problem-quote-expired = Bei si halali tena. Hakuna kilicholipwa. Uliza tena bei ni kiasi gani.
problem-bad-receipt = Kituo hakiijui mita ya risiti hii. Ripoti.
problem-bad-report = Kituo hakiijui mita ya ujumbe huu. Ripoti.
problem-internal = Kituo kimepata hitilafu. Matokeo hayajulikani; kufanya tena vilevile ni sahihi.
problem-too-often = Imeombwa mara nyingi mno. Subiri dakika chache.
problem-not-entitled = Masomo haya ni ya anayeishi na mita hii. Bonyeza kitufe chake na uandike tarakimu nane zinazoonyeshwa na skrini yake.
problem-wrong-code = Mita haionyeshi msimbo huu. Bonyeza kitufe chake na uandike tarakimu nane itakazoonyesha.
problem-report-conflict = Ripoti nyingine ina namba hii. Iandike upya.
