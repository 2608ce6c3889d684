# Les textes de l'application en français. Les messages et les noms entre accolades sont les mêmes dans toutes les langues.

app-name = Coinless
skip-to-content = Aller au contenu
nav = Écrans principaux
nav-home = Accueil
nav-list = Famille
nav-house = Tournées
nav-history = Historique
nav-settings = Réglages
offline = Hors ligne
details = Détails
dismiss = Fermer
nowhere = Il n'y a rien ici
nowhere-why = Cette adresse ne mène nulle part ; il manque peut-être la fin d'un lien. Celle d'une étiquette ressemble à …/m/CLS0000000017-Z. Ouvrez le lien encore une fois, scannez l'étiquette, ou saisissez son numéro sous Accueil.
overtaken = Coinless est ouvert dans un autre onglet
overtaken-why = Un seul onglet à la fois travaille sur ce que garde ce téléphone. Rien n'est perdu.
go-on-here = Continuer ici
share = Partager
copy = Copier
copied = Copié. Collez-le où vous voulez.
copy-failed = Le navigateur ne laisse pas l'application copier. Sélectionnez le texte et copiez-le vous-même.
print = Imprimer
sync = Redemander où on en est
reason = Pourquoi :
lines = { $n ->
    [one] Une ligne
    [many] { $n } de lignes
   *[other] { $n } lignes
}

## En cours
running-asking = La station est interrogée…
running-connecting = Recherche du compteur…
running-buying = Achat en cours. Suivez les consignes de votre moyen de paiement…
running-loading = Le jeton est remis au compteur. Restez tout près…
running-syncing = La station est interrogée sur l'état des achats…
opening-slow = Coinless n’est pas encore chargé. Si rien ne vient, vérifiez le réseau et rechargez cette page.
part-loading = Chargement de cette partie de Coinless…
part-missing = Cette partie de Coinless n’a pas pu être chargée. Rien n’est perdu. Réessayez quand il y a du réseau.
part-again = Réessayer

## Accueil
home-title = Quel compteur ?
home-scan = Scanner une étiquette
home-type = Numéro de l'étiquette
home-find = Chercher
home-meters = Vos compteurs
home-waiting = { $n ->
    [one] Payé, pas encore chargé : un compteur attend ce téléphone.
    [many] Payé, pas encore chargé : { $n } de compteurs attendent ce téléphone.
   *[other] Payé, pas encore chargé : { $n } compteurs attendent ce téléphone.
}
in-room = { $what }, { $room }
order-open = { $n ->
    [one] Une ligne n'est pas terminée
    [many] { $n } de lignes ne sont pas terminées
   *[other] { $n } lignes ne sont pas terminées
}
order-ready = { $n ->
    [one] Une ligne attend d'être chargée
    [many] { $n } de lignes attendent d'être chargées
   *[other] { $n } lignes attendent d'être chargées
}
load-now = Charger le compteur maintenant
load-this = Charger { $name } maintenant
load-how = Placez-vous devant le compteur. Le téléphone choisit le bon jeton d'après le numéro du compteur lui-même.
load-nothing = Ce téléphone n'a rien pour le compteur { $label }.
load-interrupted = Pas terminé. Tout est encore sur ce téléphone ; recommencez.
label-slip = Un caractère est mal saisi : le dernier ne correspond pas aux autres. Comparez avec l'étiquette.
label-check-missing = Saisissez le numéro entier, avec le tiret et le dernier caractère, comme CLS0000000017-Z.
label-shape = Ce n'est pas un numéro de compteur. Il ressemble à CLS0000000017-Z et figure sur l'étiquette.

## Lecture d'une étiquette
scan-title = Scanner une étiquette
scan-view = Ce que voit la caméra
scan-starting = La caméra s'allume…
scan-aim = Placez le code carré de l'étiquette dans l'image.
scan-no-camera = Aucune caméra n'est utilisable ici. Prenez une photo de l'étiquette ou saisissez son numéro.
scan-camera-denied = La caméra n'est pas autorisée pour cette page. Autorisez-la dans les réglages du navigateur et rechargez la page, ou prenez une photo de l'étiquette, ou saisissez son numéro.
scan-picture = Prendre ou choisir une photo
scan-nfc = Toucher la puce du compteur
scan-nfc-failed = La puce n'a pas pu être lue. Tenez le téléphone contre elle un instant, ou scannez l'étiquette.
scan-type = Saisir plutôt le numéro
scan-nothing = Aucun code trouvé sur cette photo. Approchez-vous, l'étiquette bien droite et éclairée.
scan-other = Ce code ne vient pas des étiquettes de cette station.
picture-wrong = Ce fichier n'est pas une image que le téléphone sait lire.

## Un compteur
meter-title = Compteur
meter-nobody = Le fournisseur n'indique ni nom ni lieu.
meter-is-it-yours = Les noms sont masqués. Est-ce le bon compteur ? Sinon, ne payez pas.
meter-load-only = J'ai déjà payé : charger ce que garde ce téléphone
meter-history = Achats précédents
meter-go = Aller au compteur { $label }
readings-title = Solde et consommation
readings-earn = Voir le solde et la consommation de ce compteur
readings-how = Pour ceux qui vivent avec le compteur. Appuyez sur son bouton et saisissez les huit chiffres que son écran affiche alors. Une fois suffit, jusqu'au changement d'occupant.
readings-code = Code sur l'écran du compteur
readings-open = Afficher le solde
readings-ended = Ces relevés sont maintenant pour d'autres : l'occupant a changé, ou trop d'autres téléphones ont été ajoutés. Si vous vivez ici, saisissez de nouveau le code.
readings-none = Rien n'a encore été relevé. Chargez le compteur : son reçu apporte le relevé.
readings-balance = Solde
readings-at = Relevé le { $when }, avec le reçu nº { $number } du compteur.
readings-mean = En moyenne { $mean } sont consommés par jour.
lasts-days = { $n ->
    [0] À ce rythme, il dure moins d'un jour.
    [one] À ce rythme, il dure encore un jour.
    [many] À ce rythme, il dure encore { $n } de jours.
   *[other] À ce rythme, il dure encore { $n } jours.
}
lasts-used-up = Il est épuisé.
lasts-not-known = On ne sait pas encore combien de temps il dure : il faut un jour ou plus entre deux relevés, et une consommation.
code-shape = Le code a huit chiffres, par exemple 1234 5678.
code-wrong = { $n ->
    [one] Le compteur n'affiche pas ce code. Appuyez sur son bouton et regardez encore. Il reste un essai dans cette heure.
    [many] Le compteur n'affiche pas ce code. Appuyez sur son bouton et regardez encore. Il reste { $n } d'essais dans cette heure.
   *[other] Le compteur n'affiche pas ce code. Appuyez sur son bouton et regardez encore. Il reste { $n } essais dans cette heure.
}
code-wrong-last = Le compteur n'affiche pas ce code, et il ne reste plus d'essai pour le moment. Rien n'est perdu ; réessayez dans une heure.
code-too-many = Trop de codes faux ont été saisis pour ce compteur. Rien n'est perdu ; réessayez dans une heure.
code-too-many-until = Trop de codes faux ont été saisis pour ce compteur. Rien n'est perdu ; réessayez le { $when }.
code-first-receipt = L'occupant a changé, et la station n'a pas encore eu de nouvelles du compteur depuis. Chargez d'abord quelque chose ; appuyez ensuite sur le bouton du compteur et saisissez le code qu'il affiche alors.
chart-title = Consommation par jour
chart-most = Maximum : { $used } le { $day }.
chart-hollow = Les barres pâles sont estimées : rien n'a été relevé ces jours-là.
chart-as-table = La même chose en tableau
chart-day = Jour
chart-used = Consommé
chart-estimated = estimé
alarm-low-credit = Le crédit baisse. Achetez bientôt.
alarm-very-low-credit = Le crédit est presque épuisé. Achetez maintenant.
alarm-valve-failed = La vanne ne ferme pas comme il faut. Prévenez votre fournisseur.
alarm-emergency-credit = Le crédit de secours est utilisé. Ce qui en a été pris est remboursé par le prochain achat.
alarm-clock-not-known = Le compteur ne connaît pas l'heure. Elle est réglée quand un téléphone avec un réseau le charge.
alarm-other = Le compteur avertit de quelque chose que cette version de l'application ne connaît pas. Son écran l'indique.
cause-no-credit = Le compteur est fermé : le crédit est épuisé. Achetez, et chargez-le.
cause-command = Le compteur est fermé sur ordre du fournisseur. Demandez à votre fournisseur.
cause-tamper = Le compteur est fermé : quelqu'un l'a ouvert ou déplacé. Un technicien doit l'examiner.
cause-flow = Le compteur est fermé : le débit a été trop fort. Cherchez une fuite. Un technicien doit l'examiner.
cause-low-battery = Le compteur est fermé : sa pile est faible. Prévenez votre fournisseur.
cause-disuse = Le compteur est fermé : il n'a pas servi depuis longtemps. Demandez à votre fournisseur.
cause-closed-account = Le compteur est fermé : son compte est clos. Demandez à votre fournisseur.
cause-fault = Le compteur est fermé : il a trouvé un défaut en lui-même. Prévenez votre fournisseur.
cause-other = Le compteur est fermé pour une autre raison. Son écran l'indique.
commodity-gas = Gaz
commodity-water = Eau
commodity-electricity = Électricité
amount = Combien
amount-title = Acheter
amount-by-money = une somme d'argent
amount-by-quantity = une quantité ({ $what })
amount-go-on = Combien cela coûte-t-il ?
amount-wrong = Écrivez une somme, par exemple 20 ou 20,50.
amount-wrong-quantity = Écrivez une quantité, par exemple 5 ou 12,5, avec 3 décimales au plus.
amount-wrong-either = Écrivez une somme, par exemple 20,50, ou une quantité avec son unité, par exemple 5m3 ou 30kWh.
needs-network = Il faut un réseau. Ce qui est déjà payé peut être chargé sans réseau.
keep-title = Garder ce compteur dans la liste
keep-change = Nom, pièce et photo
keep-name = Nom
keep-room = Pièce
keep-picture = Photo
keep-save = Garder
keep-forget = Retirer de la liste
kept = Gardé dans la liste.

## Le prix et le paiement
quote-title = Ce que cela coûte
quote-none = Aucun achat n'est en cours. Commencez par un compteur.
quote-total = En tout
quote-buys = Vous obtenez { $what }
quote-change = Modifier
pay = Payer { $total }
pay-by = Payer par
pay-payer = Qui paie
hint-telephone-number = Numéro de téléphone du payeur
pay-payer-missing = Le prestataire de paiement doit savoir qui paie.
provider-sandbox = Paiement d'essai, sans argent réel
provider-manual = Espèces ou virement
provider-stripe = Carte
provider-daraja-stk = M-Pesa, à confirmer sur votre téléphone
provider-daraja-paybill = M-Pesa Pay Bill
pay-loads-at-once = Dès le paiement, ce téléphone charge le compteur. Restez devant lui.
pay-loads-later = Payé ne veut pas dire chargé : le jeton arrive sur ce téléphone et sera chargé quand vous serez devant le compteur.
pay-later-load = Un seul paiement pour tout. Les jetons arrivent sur ce téléphone ; chaque compteur est chargé quand vous êtes devant lui.
reach-title = Êtes-vous devant le compteur ?
reach-why = Essayez la connexion avant de payer. Si vous êtes ailleurs, payez maintenant et chargez plus tard.
reach-try = Essayer la connexion
reach-again = Réessayer
reach-yes = Ce téléphone joint le compteur, et c'est le bon.
reach-code = Pendant quelques minutes, son écran affiche
reach-no = Le compteur n'a pas été joint ; rien n'est payé.
reach-none = Ce navigateur n'a aucun moyen de joindre un compteur.
reach-not-this-phone = Ce téléphone ne peut pas parler lui-même au compteur. Vous pouvez acheter ici ; ce téléphone affiche ensuite un code, qu'un autre téléphone scanne pour charger le compteur. Ne payez que si un autre téléphone sera là.

explain-block = { $amount } à { $price } par { $unit }
explain-block-of = Tranche { $block } : { $amount } à { $price } par { $unit }
explain-credit = Crédit ; le compteur calcule lui-même le prix de ce qui est consommé
explain-free = Gratuit : { $amount }
explain-standing-days = { $n ->
    [one] Abonnement pour un jour, { $price }
    [many] Abonnement pour { $n } de jours, { $price } chacun
   *[other] Abonnement pour { $n } jours, { $price } chacun
}
explain-standing-months = { $n ->
    [one] Abonnement pour un mois, { $price }
    [many] Abonnement pour { $n } de mois, { $price } chacun
   *[other] Abonnement pour { $n } mois, { $price } chacun
}
explain-tax = { $name }, { $percent } %
explain-fee = { $name }
explain-debt = Pour votre dette ; il en reste { $left }
explain-rounding = Arrondi

## Une commande
order-title = Votre achat
order-goes-on = Vous aviez déjà commencé cet achat. Il continue ici, et rien n'est payé deux fois. Pour avoir la même chose une fois de plus, achetez-la de nouveau.
order-unknown = Ce téléphone n'a pas cet achat.
order-fetch = Le récupérer auprès de la station
order-share = Sur un autre téléphone
order-share-why = Qui ouvre ce lien a l'achat : ses jetons et ses reçus. Il fait aussi tout revenir si ce téléphone est perdu. Gardez-le comme un reçu en papier.
order-may-go = Ce navigateur peut effacer ce qu'il garde si la place vient à manquer. Tant que le compteur n'est pas chargé, gardez le lien de cet achat : il fait tout revenir.
order-code = Code contenant le lien vers cet achat
verdict-loaded = Chargé. Tout est dans le compteur.
verdict-ready = Payé. Pas encore dans le compteur.
verdict-partly = En partie : regardez chaque ligne.
verdict-refunding = Un remboursement est en cours. L'argent n'est pas encore rendu.
verdict-person = Pas terminé : quelqu'un à la station s'en occupe.
verdict-refunded = L'argent est rendu. Il n'y a plus rien à charger.
verdict-nothing = Rien n'a été acheté.
verdict-waiting = Pas encore payé. En attente du paiement.
verdict-unknown = Pas encore connu. Rien n'est perdu.
column-outcome = Résultat
column-lines = Lignes
column-sum = Somme
outcome-loaded = Chargé
outcome-ready = Prêt à charger
outcome-refunding = Remboursement en cours
outcome-refunded = Remboursé
outcome-failed = Pas acheté
outcome-person = Quelqu'un s'en occupe
outcome-open = Pas encore connu
step-paid = Payé
step-sold = Vendu
step-here = Sur ce téléphone
step-loaded = Chargé
step-yes = oui
step-no = pas encore
step-unknown = inconnu
step-returned = repris
step-passed = terminé
step-never = non
standing-unanswered = La station n'a pas répondu. Rien n'est payé.
standing-rejected = La station a refusé. Rien n'est payé.
standing-declined = Le paiement a été refusé. Rien n'a été acheté.
standing-quoted = Prix donné. Pas payé.
standing-awaiting-payment = En attente du paiement.
standing-payment-unknown = On ne sait pas encore ce qu'est devenu le paiement. Ne payez pas une seconde fois ; la question est posée.
standing-paid = Payé. Pas encore vendu.
standing-sale-unknown = Payé. On ne sait pas encore ce qu'est devenue la vente ; la question est posée.
standing-sold = Payé et vendu. Son jeton est en préparation.
standing-ready = Payé et vendu. Le jeton est sur ce téléphone. Pas encore chargé dans le compteur.
standing-elsewhere = Payé et vendu. Pas encore chargé, à la connaissance de la station.
standing-handed = Remis au compteur, qui n'a pas répondu. On ne sait pas s'il est chargé : chargez de nouveau, c'est toujours juste.
standing-needs-others-first = Pas chargé : il faut d'abord un autre jeton au compteur. Redemandez à la station, puis chargez.
standing-account-closed = Pas chargé : le compte du compteur est clos. Demandez le remboursement.
standing-bad-content = Pas chargé : le compteur ne peut pas utiliser ce jeton. Redemandez à la station ; elle en fait un autre.
standing-loaded = Chargé. Le compteur l'a.
standing-loaded-untold = Chargé. Le compteur l'a ; la station l'apprendra dès qu'il y aura un réseau.
standing-void-pending = Un remboursement est demandé. Le compteur doit d'abord prendre le jeton d'annulation.
standing-voided = Repris au compteur. L'argent est en route.
standing-sale-reversed = La vente est annulée. L'argent est en route.
standing-refunded = L'argent est rendu.
standing-expired = Pas payé à temps. Rien n'a été acheté.
standing-payment-held = Terminé sans vente. Quelqu'un à la station examine le paiement.
standing-failed-refunding = Terminé sans vente. L'argent est en route.
standing-failed = Terminé sans vente.
standing-person = Quelqu'un à la station s'en occupe.
standing-not-understood = Cette version de l'application ne connaît pas cet état. Rechargez la page.
loaded-receipt = Le reçu nº { $number } du compteur le dit.
hand-over = Remettre le jeton à un autre téléphone
hand-over-how = L'autre téléphone scanne ce code et remet le jeton au compteur. Il peut le faire sans réseau. Le remettre deux fois ne compte qu'une fois.
hand-over-code = Code contenant le jeton
refund = Demander le remboursement
refund-how = Un jeton de cet achat est émis, et qui l'a pourrait encore le charger. Le compteur doit donc d'abord promettre de ne jamais le prendre. Cela se fait en trois étapes :
refund-if-loaded = Si le compteur l'a déjà chargé, il n'y a pas de remboursement : vous avez ce que vous avez payé.
refund-ask = Demander le remboursement
refund-step-asked = Vous demandez l'argent.
refund-step-carried = Vous portez le jeton d'annulation au compteur. Son reçu prouve que cet achat ne pourra jamais être chargé.
refund-step-money = L'argent revient.
refund-carry = Le jeton d'annulation est sur ce téléphone. Allez au compteur et remettez-le, comme pour charger. L'argent ne revient pas avant.
refund-carry-now = Remettre le jeton d'annulation
refund-fetch = Le jeton d'annulation n'est pas encore sur ce téléphone. Redemandez, puis portez-le au compteur.
receipt-open = Reçu

## Devant le compteur
visit-title = Devant le compteur
receipt-says = Reçu nº { $number } du compteur : { $total } lui ont été vendus depuis sa fabrication.
delivery-applied = Chargé. Le compteur a pris le crédit.
delivery-applied-other = Le compteur a pris les réglages joints.
delivery-void = Le compteur a pris le jeton d'annulation : ce qui est repris ne pourra plus jamais être chargé. L'argent revient quand le reçu du compteur arrive à la station.
delivery-covered = Le compteur l'a déjà : il ne reste rien à charger.
delivery-not-taken = Pas chargé : le compteur n'a pas pris ce jeton. Rien n'est perdu.
delivery-other-key = Ce jeton date d'une vie antérieure de ce compteur, qui a peut-être été remplacé : redemandez à la station.
delivery-unclear = Le compteur a répondu, mais ne dit rien de ce jeton. Chargez de nouveau.
refused-not-yet = Pas encore : le compteur est trop plein. Consommez d'abord { $first }, puis chargez de nouveau. Le jeton reste sur ce téléphone.
refused-needs-newer = Pas encore : un autre jeton doit passer d'abord. Redemandez à la station, puis chargez.
refused-range = Le compteur doit refuser, car ce qui serait repris est déjà chargé. Il n'y a pas de remboursement.
refused-closed = Le compte du compteur est clos ; il ne prend plus de crédit. Demandez le remboursement.
refused-content = Le jeton est authentique, mais ce compteur ne peut pas l'utiliser. Redemandez à la station ; elle en fait un autre.
refused-total = Refusé : le compteur a plus que ce que ce jeton connaît. Redemandez à la station.
refused-epoch = Refusé : les clés du compteur sont plus récentes ou plus anciennes. Redemandez à la station.
armed = Le compteur est prêt : appuyez sur son bouton pour l'ouvrir.
armed-gas = Le compteur est prêt à ouvrir. Fermez d'abord tous les appareils. Ensuite l'occupant appuie sur le bouton du compteur pour ouvrir le gaz.
valve-open = Le compteur est ouvert.
still-shut = Le compteur reste fermé pour une autre raison. Son écran l'indique.

## La liste de la famille
list-title = Liste de la famille
list-how = Écrivez ce que doit recevoir chaque compteur. Un seul paiement les règle tous.
list-none = Aucun compteur n'est encore gardé. Scannez une étiquette et gardez le compteur sous un nom.
list-empty = Écrivez au moins une somme.
list-add = Ajouter un compteur

## L'immeuble du gestionnaire
house-title = Tournées
house-why = Payez en une fois pour tous les compteurs d'un immeuble, puis passez devant chacun. La tournée ne demande aucun réseau.
house-import = Importer des compteurs d'un fichier (CSV)
house-file = À quoi ressemble le fichier
house-file-how = La première ligne nomme les colonnes : meter et, si vous voulez, flat, room, persons et amount.
house-file-wrong = Ce fichier n'est pas utilisable. Rien n'a été changé.
house-more-wrong = et d’autres lignes : { $n }
house-taken = Compteurs de cette maison : { $n }.
house-gone = Absents du fichier, donc retirés de la maison : { $n }.
file-too-many = Le fichier a { $n } lignes, et un paiement en vaut 500 au plus. Faites-en plusieurs fichiers, chacun avec la première ligne.
file-empty = Il n’y a pas de compteur dans le fichier.
file-no-column = La première ligne du fichier doit nommer une colonne { $name }. Elle nomme : { $found }
file-header = Ce fichier ne peut pas servir : { $why }
line-wrong = Ligne { $line } : { $why }
line-no-meter = le numéro du compteur manque.
line-shares = { $text } n’est pas un nombre de personnes ou de parts ; écrivez un nombre entier comme 3.
line-twice = le compteur { $label } est déjà à la ligne { $first }. Mettez sur une seule ligne tout ce qu’il doit recevoir.
line-quotation = un guillemet n’est pas refermé.
line-letters = les lettres sont illisibles. Enregistrez le fichier en CSV, en UTF-8.
line-cells = il y a plus de cases que de colonnes dans la première ligne.
house-too-many = Ce téléphone garde au plus { $most } compteurs.
house-which = Immeuble
house-sums = Ce que reçoit chaque compteur
house-same = la même chose pour tous
house-share = par unité : personnes, pièces
house-target = jusqu'à un solde voulu
house-each = chacun séparément
house-paste = Coller des sommes : une étiquette et une somme par ligne, ou des sommes dans l'ordre de la liste
house-paste-wrong = Rien n’a été repris. Ces lignes ne sont ni une étiquette avec une somme, ni une somme, ou il y en a trop : { $lines }
house-paste-strangers = Rien n’a été repris. Ces compteurs ne sont pas dans cette maison : { $labels }
house-line-wrong = Rien ne peut être acheté pour { $label }.
house-sum-of = Somme pour { $name }
house-preview = { $n ->
    [one] Un compteur reçoit quelque chose
    [many] { $n } de compteurs reçoivent quelque chose
   *[other] { $n } compteurs reçoivent quelque chose
}
house-quantities = { $n ->
    [one] Une ligne est une quantité ; son prix vient ensuite.
    [many] { $n } de lignes sont des quantités ; leur prix vient ensuite.
   *[other] { $n } lignes sont des quantités ; leur prix vient ensuite.
}
planned-too-large = trop grand
planned-no-balance = son solde n'est pas connu ici
planned-other-unit = autre unité

## Une tournée
walk-title = Tournée
walk-begin = Commencer la tournée
walk-go-on = Continuer la tournée
walk-done = { $n ->
    [one] { $n } fait
    [many] { $n } de faits
   *[other] { $n } faits
}
walk-left = { $n ->
    [one] { $n } restant
    [many] { $n } de restants
   *[other] { $n } restants
}
walk-skipped = { $n ->
    [one] { $n } passé
    [many] { $n } de passés
   *[other] { $n } passés
}
walk-progress = Avancement de la tournée
walk-receipts = { $n ->
    [one] Un reçu attend un réseau
    [many] { $n } de reçus attendent un réseau
   *[other] { $n } reçus attendent un réseau
}
walk-over = Il ne reste rien à visiter.
walk-all = { $n ->
    [one] Le seul compteur
    [many] Les { $n } de compteurs
   *[other] Les { $n } compteurs
}
walk-load = Charger le compteur présent
walk-number = Un autre compteur de la tournée
walk-load-number = Charger celui-ci
walk-choose = Prendre celui-ci ensuite
walk-not-here = Le compteur { $label } n’est pas de ceux que ce téléphone visite. Rien n’a été fait.
walk-other = C’était { $is }, pas { $wanted }. { $wanted } reste à faire.
walk-skip = Passer celui-ci
walk-skip-why = Pourquoi ?
walk-note = Remarque
walk-skip-now = Passer
walk-unskip = Remettre dans la liste
walk-split = Partager la tournée
walk-split-how = Un autre téléphone ouvre l'un de ces liens tant qu'il a un réseau. Il peut faire une moitié, ou reprendre toute la tournée.
walk-part = Ce téléphone fait la partie { $part } sur { $of }.
walk-take-all = Faire toute la tournée avec ce téléphone
walk-whole = Toute la tournée
walk-half = Moitié { $number }
walk-result = Enregistrer le résultat (CSV)
walk-result-saved = Le résultat est enregistré.
walk-result-failed = Le résultat n'a pas pu être enregistré.
skip-nobody-home = Personne n'a ouvert
skip-not-reachable = Inaccessible
skip-no-answer = Le compteur ne répond pas
skip-refused = Le compteur a refusé
skip-not-wanted = L'occupant n'en veut pas
skip-other = Autre chose
stop-done = fait : chargé
stop-left = à visiter

## Historique et reçus
history-title = Historique
history-none = Rien n'a encore été acheté avec ce téléphone.
receipt-title = Reçu
receipt-when = Quand
receipt-utility = Fournisseur
receipt-what = Quoi
receipt-bought = Acheté
receipt-amount = Payé
receipt-standing = État
receipt-meter-receipt = Reçu du compteur
receipt-order = Achat / ligne
lost-title = Un autre téléphone, ou tout a disparu ?
lost-how = Chaque achat a un lien. Ouvrez-le, scannez son code ou collez-le ici : jetons et reçus reviennent.
lost-link = Lien vers l'achat
lost-wrong = Ce n'est pas un lien vers un achat de cette station. Il contient /o/ et un long numéro.
lost-scan = Scanner son code
problem = Signaler un problème
problem-how = Les gens de { $station } lisent ce que vous écrivez.
problem-what = Qu'est-ce qui ne va pas ?
problem-contact = Comment vous joindre ? (si vous voulez)
problem-attached = Ces numéros sont joints, pour que tout soit retrouvé :
problem-send = Envoyer
problem-empty = Écrivez ce qui ne va pas.
problem-sent = La station a votre message. Quelqu'un va le lire.
problem-kept = Gardé sur ce téléphone. Il est envoyé dès qu'il y a un réseau.
problem-number = Numéro du signalement :
problem-taken = La station a maintenant votre signalement nº { $number }.
problem-waiting = { $n ->
    [one] Un signalement attend un réseau.
    [many] { $n } de signalements attendent un réseau.
   *[other] { $n } signalements attendent un réseau.
}
carry-title = Un jeton d'un autre téléphone
carry-kept = Gardé sur ce téléphone, pour le compteur

## Réglages
settings-title = Réglages
settings-language = Langue
settings-storage = Ce que garde ce téléphone
settings-ways = Moyens de joindre un compteur
settings-about = À propos
storage-stays = Le navigateur a promis de le garder.
storage-may-go = Le navigateur peut l'effacer si la place vient à manquer. Le lien de chaque achat fait tout revenir.
storage-unknown = Le navigateur ne dit pas combien de temps il le garde. Le lien de chaque achat fait tout revenir.
storage-tokens = { $n ->
    [0] Aucun jeton n'attend ici.
    [one] Un jeton attend ici.
    [many] { $n } de jetons attendent ici.
   *[other] { $n } jetons attendent ici.
}
storage-damaged = { $n ->
    [one] Un enregistrement est illisible. Il reste où il est ; prévenez votre fournisseur.
    [many] { $n } d'enregistrements sont illisibles. Ils restent où ils sont ; prévenez votre fournisseur.
   *[other] { $n } enregistrements sont illisibles. Ils restent où ils sont ; prévenez votre fournisseur.
}
way-bluetooth = Bluetooth
way-serial = Câble série
way-cable = Joindre les compteurs par le câble, pas par Bluetooth
way-nfc = Toucher une puce
about = Coinless est un logiciel libre. Il ne parle qu'à cette station et ne suit personne.

## Quand quelque chose ne va pas
trouble-store = Le téléphone n'a pas pu écrire ce qu'il doit retenir ; rien n'a donc été fait. Libérez de la place et recommencez.
trouble-newer-store = Une version plus récente de cette application a écrit ce que garde le téléphone. Rien n'a été changé et rien n'est perdu : rechargez la page quand il y a du réseau, pour obtenir la version récente.
trouble-damaged = Quelque chose que garde ce téléphone est illisible, peut-être cet achat. Rien n'a été acheté. Prévenez votre fournisseur.
trouble-link = Le compteur ne répond pas. Rien n'est perdu : approchez-vous et recommencez.
trouble-nothing-chosen = Aucun compteur n'a été choisi. Rien n'a été fait. Si le vôtre n'était pas dans la liste, approchez-vous, appuyez sur son bouton et réessayez.
trouble-offline = Pas de réseau. Rien n'est perdu : vous pouvez recommencer sans risque.
trouble-unclear = La station n'a pas répondu clairement. Rien n'est perdu : vous pouvez recommencer sans risque.
trouble-recovering = La station est en cours de restauration et ne vend rien pour le moment. Rien n'est perdu ; réessayez dans quelques minutes.
trouble-refused = La station refuse cela. Rien n'a été fait. Si vous ne voyez pas pourquoi, signalez-le.
meter-refuses-malformed = Le compteur ne peut pas lire le message. Recommencez ; si cela continue, signalez-le.
meter-refuses-wrong-version = Le compteur parle une autre version du langage. Rechargez cette page ; si cela continue, signalez-le.
meter-refuses-unknown-key = Le compteur ne connaît pas une partie du message. Rechargez cette page ; si cela continue, signalez-le.
meter-refuses-not-this-meter = C'est pour un autre compteur. Comparez le numéro de l'étiquette.
meter-refuses-other-key = C'est pour une vie antérieure de ce compteur : il a été réparé ou remplacé depuis. Redemandez à la station ; elle fait un autre jeton.
meter-refuses-unknown-issuer = Le compteur ne connaît pas qui a fait le jeton. Il est peut-être d'un autre fournisseur. Signalez-le.
meter-refuses-bad-signature = Le jeton a été modifié en route, ou n'a pas été fait par le fournisseur. Signalez-le.
meter-refuses-out-of-service = Le compteur est hors service. Signalez-le ; un technicien doit l'examiner.
meter-refuses-busy = Le compteur ménage sa pile. Appuyez sur son bouton ou attendez quelques minutes, puis recommencez.
trouble-meter-busy = Le compteur ménage sa pile. Appuyez sur son bouton ou attendez quelques minutes, puis recommencez.
trouble-not-authentic = Ce qui a répondu n'est pas le compteur que la station connaît : il a peut-être été remplacé, ou sa réponse a été modifiée. Rien n'a été fait. Comparez le numéro de l'étiquette ; s'il est juste, signalez-le.
trouble-wrong-meter = C'est le compteur { $label }, et rien n'est acheté pour lui. Rien n'a été fait.
trouble-other-meter = C'est le compteur { $is }, et le jeton est pour { $wanted }. Rien n'a été fait.
trouble-other-order = La commande de la station n'est pas celle qui était demandée. Rien de plus n'est payé.
trouble-no-such-order = La station ne connaît pas cet achat. Vérifiez le lien : chaque caractère compte.
trouble-bad-purchase = Cela ne peut pas être acheté.
trouble-too-expensive = Cela coûterait plus que ce qui était affiché. Rien n'est payé ; regardez le nouveau prix.
trouble-other-payer = Le même achat par un autre payeur n'est pas terminé. Attendez de savoir comment il finit.
trouble-nothing-to-refund = Il n'y a rien à reprendre.
problem-unknown-meter = Cette station ne connaît pas ce compteur.
problem-bad-meter-number = Le numéro du compteur est mal saisi.
problem-bad-amount = Ce montant ne peut pas être vendu.
problem-over-maximum-credit = Le compteur ne peut pas en prendre autant. Choisissez moins.
problem-not-sold = Le fournisseur ne vend pas cela à ce compteur en ce moment. Demandez à votre fournisseur, ou signalez-le.
problem-replaced = Ce compteur a été remplacé par le compteur { $label }. Achetez pour celui-là.
problem-unavailable = Un système nécessaire ne répond pas en ce moment. Rien n'est payé ; réessayez dans un instant.
problem-wrong-currency = Ce compteur utilise une autre monnaie.
problem-already-delivered = C'est déjà chargé ; il n'y a pas de remboursement.
problem-not-possible-now = Ce n'est pas possible dans l'état actuel. Redemandez où en sont les choses.
problem-malformed = La station ne comprend pas cela. Rechargez la page ; si cela continue, signalez-le.
problem-unknown-utility = Le fournisseur du compteur ne vend plus ici. Demandez à votre fournisseur.
problem-unknown-provider = Ce moyen de paiement n'est plus offert. Choisissez-en un autre.
problem-unknown-order = La station ne connaît pas cet achat. Vérifiez le lien : chaque caractère compte.
problem-unknown-line = La station ne connaît pas cette ligne de l'achat. Signalez-le.
problem-recovering = La station est en cours de restauration et ne vend rien pour le moment. Rien n'est perdu ; réessayez dans quelques minutes.
problem-order-conflict = La station a un autre achat avec ce numéro. Rien de plus n'est payé. Redemandez où en sont les choses.
problem-quote-expired = Le prix n'est plus valable. Rien n'est payé. Redemandez combien cela coûte.
problem-bad-receipt = La station ne connaît pas le compteur de ce reçu. Signalez-le.
problem-bad-report = La station ne connaît pas le compteur de ce message. Signalez-le.
problem-internal = La station a eu une panne. Le résultat n'est pas connu ; recommencer à l'identique est juste.
problem-too-often = Trop de demandes. Attendez quelques minutes.
problem-not-entitled = Ces relevés sont pour ceux qui vivent avec le compteur. Appuyez sur son bouton et saisissez les huit chiffres que son écran affiche.
problem-wrong-code = Le compteur n'affiche pas ce code. Appuyez sur son bouton et saisissez les huit chiffres qu'il affiche alors.
problem-report-conflict = Un autre signalement porte ce numéro. Écrivez-le de nouveau.
