# Los textos de la aplicación en español. Los mensajes y los nombres entre llaves son los mismos en todas las lenguas.

app-name = Coinless
skip-to-content = Ir al contenido
nav = Pantallas principales
nav-home = Inicio
nav-list = Familia
nav-house = Rondas
nav-history = Historial
nav-settings = Ajustes
offline = Sin conexión
details = Detalles
dismiss = Cerrar
nowhere = Aquí no hay nada
nowhere-why = Esta dirección no lleva a ninguna parte; quizá a un enlace le falta el final. La de una etiqueta se parece a …/m/CLS0000000017-Z. Abra el enlace otra vez, escanee la etiqueta o escriba su número en Inicio.
overtaken = Coinless está abierto en otra pestaña
overtaken-why = Solo una pestaña a la vez trabaja con lo que guarda este teléfono. No se pierde nada.
go-on-here = Seguir aquí
share = Compartir
copy = Copiar
copied = Copiado. Péguelo donde quiera.
copy-failed = El navegador no deja copiar a la aplicación. Marque el texto y cópielo usted.
print = Imprimir
sync = Volver a preguntar cómo va
reason = Motivo:
lines = { $n ->
    [one] Una línea
    [many] { $n } de líneas
   *[other] { $n } líneas
}

## En curso
running-asking = Preguntando a la estación…
running-connecting = Buscando el medidor…
running-buying = Comprando. Siga lo que le pida su medio de pago…
running-loading = Entregando el token al medidor. Quédese cerca…
running-syncing = Preguntando a la estación cómo va todo…
opening-slow = Coinless aún no se ha cargado. Si no aparece nada, compruebe que haya red y vuelva a cargar esta página.
part-loading = Cargando esta parte de Coinless…
part-missing = No se pudo cargar esta parte de Coinless. No se ha perdido nada. Vuelva a intentarlo cuando haya red.
part-again = Volver a intentarlo

## Inicio
home-title = ¿Qué medidor?
home-scan = Escanear una etiqueta
home-type = Número de la etiqueta
home-find = Buscar
home-meters = Sus medidores
home-waiting = { $n ->
    [one] Pagado y aún no cargado: un medidor espera a este teléfono.
    [many] Pagado y aún no cargado: { $n } de medidores esperan a este teléfono.
   *[other] Pagado y aún no cargado: { $n } medidores esperan a este teléfono.
}
in-room = { $what }, { $room }
order-open = { $n ->
    [one] Una línea no ha terminado
    [many] { $n } de líneas no han terminado
   *[other] { $n } líneas no han terminado
}
order-ready = { $n ->
    [one] Una línea espera ser cargada
    [many] { $n } de líneas esperan ser cargadas
   *[other] { $n } líneas esperan ser cargadas
}
load-now = Cargar el medidor ahora
load-this = Cargar { $name } ahora
load-how = Póngase junto al medidor. El teléfono elige el token correcto por el número del propio medidor.
load-nothing = Este teléfono no tiene nada para el medidor { $label }.
load-interrupted = No ha terminado. Todo sigue en este teléfono; hágalo otra vez.
label-slip = Hay un carácter mal escrito: el último no concuerda con los demás. Compare con la etiqueta.
label-check-missing = Escriba el número entero, con el guion y el último carácter, como CLS0000000017-Z.
label-shape = Este no es un número de medidor. Se parece a CLS0000000017-Z y está impreso en la etiqueta.

## Lectura de una etiqueta
scan-title = Escanear una etiqueta
scan-view = Lo que ve la cámara
scan-starting = Encendiendo la cámara…
scan-aim = Ponga el código cuadrado de la etiqueta dentro de la imagen.
scan-no-camera = Aquí no se puede usar ninguna cámara. Haga una foto de la etiqueta o escriba su número.
scan-camera-denied = La cámara no está permitida en esta página. Permítala en los ajustes del navegador y vuelva a cargar la página, o haga una foto de la etiqueta, o escriba su número.
scan-picture = Hacer o elegir una foto
scan-nfc = Tocar la marca NFC del medidor
scan-nfc-failed = No se pudo leer la marca. Mantenga el teléfono sobre ella un momento, o escanee la etiqueta.
scan-type = Mejor escribir el número
scan-nothing = No se encontró ningún código en esta foto. Acérquese, con la etiqueta derecha y bien iluminada.
scan-other = Este código no es de las etiquetas de esta estación.
picture-wrong = Este archivo no es una imagen que el teléfono pueda leer.

## Un medidor
meter-title = Medidor
meter-nobody = La empresa no indica ni nombre ni lugar.
meter-is-it-yours = Los nombres están ocultos en parte. ¿Es este el medidor? Si no, no pague.
meter-load-only = Ya he pagado: cargar lo que guarda este teléfono
meter-history = Compras anteriores
meter-go = Ir al medidor { $label }
readings-title = Saldo y consumo
readings-earn = Ver el saldo y el consumo de este medidor
readings-how = Para quien vive con el medidor. Pulse su botón y escriba las ocho cifras que muestra entonces su pantalla. Basta una vez, hasta que cambie el inquilino.
readings-code = Código en la pantalla del medidor
readings-open = Mostrar el saldo
readings-ended = Estas lecturas son ahora para otros: ha cambiado el inquilino, o se añadieron demasiados teléfonos. Si vive aquí, escriba el código de nuevo.
readings-none = Aún no se ha leído nada. Cargue el medidor: su recibo trae la lectura.
readings-balance = Saldo
readings-at = Leído el { $when }, con el recibo n.º { $number } del medidor.
readings-mean = Se consumen unos { $mean } al día.
lasts-days = { $n ->
    [0] A este ritmo dura menos de un día.
    [one] A este ritmo dura un día más.
    [many] A este ritmo dura { $n } de días más.
   *[other] A este ritmo dura { $n } días más.
}
lasts-used-up = Está agotado.
lasts-not-known = Aún no se sabe cuánto dura: hace falta un día o más entre dos lecturas, y algo de consumo.
code-shape = El código tiene ocho cifras, como 1234 5678.
code-wrong = { $n ->
    [one] El medidor no muestra este código. Pulse su botón y mire otra vez. Queda un intento en esta hora.
    [many] El medidor no muestra este código. Pulse su botón y mire otra vez. Quedan { $n } de intentos en esta hora.
   *[other] El medidor no muestra este código. Pulse su botón y mire otra vez. Quedan { $n } intentos en esta hora.
}
code-wrong-last = El medidor no muestra este código y ya no quedan intentos por ahora. No se pierde nada; pruebe otra vez dentro de una hora.
code-too-many = Se escribieron demasiados códigos falsos para este medidor. No se pierde nada; pruebe otra vez dentro de una hora.
code-too-many-until = Se escribieron demasiados códigos falsos para este medidor. No se pierde nada; pruebe otra vez el { $when }.
code-first-receipt = Ha cambiado el inquilino y la estación no ha sabido del medidor desde entonces. Cargue algo primero; después pulse el botón del medidor y escriba el código que muestra entonces.
chart-title = Consumo por día
chart-most = Lo más: { $used } el { $day }.
chart-hollow = Las barras pálidas son estimadas: esos días no se leyó nada.
chart-as-table = Lo mismo en una tabla
chart-day = Día
chart-used = Consumido
chart-estimated = estimado
alarm-low-credit = Queda poco crédito. Compre pronto.
alarm-very-low-credit = El crédito casi se acaba. Compre ahora.
alarm-valve-failed = La válvula no cierra como debe. Avise a su compañía.
alarm-emergency-credit = Se está usando crédito de emergencia. Lo tomado se devuelve con la próxima compra.
alarm-clock-not-known = El medidor no sabe la hora. Se pone cuando lo carga un teléfono con red.
alarm-other = El medidor avisa de algo que esta versión de la aplicación no conoce. Su pantalla lo dice.
cause-no-credit = El medidor está cerrado: se acabó el crédito. Compre y cárguelo.
cause-command = El medidor está cerrado por orden de la compañía. Pregunte a su compañía.
cause-tamper = El medidor está cerrado: alguien lo abrió o lo movió. Debe verlo un técnico.
cause-flow = El medidor está cerrado: pasó más de lo debido. Busque una fuga. Debe verlo un técnico.
cause-low-battery = El medidor está cerrado: su batería está débil. Avise a su compañía.
cause-disuse = El medidor está cerrado: no se usó en mucho tiempo. Pregunte a su compañía.
cause-closed-account = El medidor está cerrado: su cuenta está cerrada. Pregunte a su compañía.
cause-fault = El medidor está cerrado: encontró un fallo en sí mismo. Avise a su compañía.
cause-other = El medidor está cerrado por otra razón. Su pantalla lo dice.
commodity-gas = Gas
commodity-water = Agua
commodity-electricity = Electricidad
amount = Cuánto
amount-title = Comprar
amount-by-money = una suma de dinero
amount-by-quantity = una cantidad ({ $what })
amount-go-on = ¿Cuánto cuesta?
amount-wrong = Escriba una suma, por ejemplo 20 o 20.50.
amount-wrong-quantity = Escriba una cantidad, por ejemplo 5 o 12.5, con 3 decimales como máximo.
amount-wrong-either = Escriba una suma, por ejemplo 20.50, o una cantidad con su unidad, por ejemplo 5m3 o 30kWh.
needs-network = Para esto hace falta una red. Lo que ya está pagado se puede cargar sin red.
keep-title = Guardar este medidor en la lista
keep-change = Nombre, habitación y foto
keep-name = Nombre
keep-room = Habitación
keep-picture = Foto
keep-save = Guardar
keep-forget = Quitar de la lista
kept = Guardado en la lista.

## El precio y el pago
quote-title = Lo que cuesta
quote-none = No hay ninguna compra empezada. Empiece por un medidor.
quote-total = En total
quote-buys = Usted recibe { $what }
quote-change = Cambiar
pay = Pagar { $total }
pay-by = Pagar con
pay-payer = Quién paga
hint-telephone-number = Número de teléfono de quien paga
pay-payer-missing = El proveedor de pagos tiene que saber quién paga.
provider-sandbox = Pago de prueba, sin dinero real
provider-manual = Efectivo o transferencia
provider-stripe = Tarjeta
provider-daraja-stk = M-Pesa, confirmado en su teléfono
provider-daraja-paybill = M-Pesa Pay Bill
pay-loads-at-once = Al pagar, este teléfono carga el medidor enseguida. Quédese junto al medidor.
pay-loads-later = Pagado no es cargado: el token llega a este teléfono y se carga cuando usted está junto al medidor.
pay-later-load = Un solo pago para todo. Los tokens llegan a este teléfono; cada medidor se carga cuando usted está junto a él.
reach-title = ¿Está junto al medidor?
reach-why = Pruebe la conexión antes de pagar. Si está en otro lugar, pague ahora y cargue después.
reach-try = Probar la conexión
reach-again = Probar otra vez
reach-yes = Este teléfono llega al medidor, y es el correcto.
reach-code = Durante unos minutos, su pantalla muestra
reach-no = No se llegó al medidor; no se ha pagado nada.
reach-none = Este navegador no tiene forma de llegar a un medidor.
reach-not-this-phone = Este teléfono no puede hablar él mismo con el medidor. Puede comprar aquí; después este teléfono muestra un código, y otro teléfono lo escanea y carga el medidor. Pague solo si habrá otro teléfono allí.

explain-block = { $amount } a { $price } por { $unit }
explain-block-of = Bloque { $block }: { $amount } a { $price } por { $unit }
explain-credit = Crédito; el propio medidor calcula el precio de lo que se consume
explain-free = Gratis: { $amount }
explain-standing-days = { $n ->
    [one] Cargo fijo por un día, { $price }
    [many] Cargo fijo por { $n } de días, { $price } cada uno
   *[other] Cargo fijo por { $n } días, { $price } cada uno
}
explain-standing-months = { $n ->
    [one] Cargo fijo por un mes, { $price }
    [many] Cargo fijo por { $n } de meses, { $price } cada uno
   *[other] Cargo fijo por { $n } meses, { $price } cada uno
}
explain-tax = { $name }, { $percent } %
explain-fee = { $name }
explain-debt = Para su deuda; quedan { $left }
explain-rounding = Redondeo

## Un pedido
order-title = Su compra
order-goes-on = Usted ya había empezado esta compra. Continúa aquí y nada se paga dos veces. Si quiere lo mismo una vez más, cómprelo de nuevo.
order-unknown = Este teléfono no tiene esta compra.
order-fetch = Traerla de la estación
order-share = En otro teléfono
order-share-why = Quien abre este enlace tiene la compra: sus tokens y sus recibos. También lo recupera todo si se pierde este teléfono. Guárdelo como un recibo de papel.
order-may-go = Este navegador puede borrar lo que guarda si falta espacio. Hasta que el medidor esté cargado, guarde el enlace de esta compra: lo recupera todo.
order-code = Código con el enlace a esta compra
verdict-loaded = Cargado. Todo está en el medidor.
verdict-ready = Pagado. Aún no está en el medidor.
verdict-partly = En parte: mire cada línea.
verdict-refunding = Hay una devolución en curso. El dinero aún no está devuelto.
verdict-person = No ha terminado: una persona de la estación lo está viendo.
verdict-refunded = El dinero está devuelto. No queda nada por cargar.
verdict-nothing = No se compró nada.
verdict-waiting = Aún no está pagado. Se espera el pago.
verdict-unknown = Aún no se sabe. No se pierde nada.
column-outcome = Resultado
column-lines = Líneas
column-sum = Suma
outcome-loaded = Cargado
outcome-ready = Listo para cargar
outcome-refunding = Devolución en curso
outcome-refunded = Devuelto
outcome-failed = No comprado
outcome-person = Una persona lo está viendo
outcome-open = Aún no se sabe
step-paid = Pagado
step-sold = Vendido
step-here = En este teléfono
step-loaded = Cargado
step-yes = sí
step-no = aún no
step-unknown = no se sabe
step-returned = retirado
step-passed = ya usado
step-never = no
standing-unanswered = La estación no ha contestado. No se ha pagado nada.
standing-rejected = La estación lo rechazó. No se ha pagado nada.
standing-declined = El pago fue rechazado. No se compró nada.
standing-quoted = Con precio. Sin pagar.
standing-awaiting-payment = A la espera del pago.
standing-payment-unknown = Aún no se sabe qué pasó con el pago. No pague otra vez; se está preguntando.
standing-paid = Pagado. Aún no vendido.
standing-sale-unknown = Pagado. Aún no se sabe qué pasó con la venta; se está preguntando.
standing-sold = Pagado y vendido. Se está haciendo su token.
standing-ready = Pagado y vendido. El token está en este teléfono. Aún no está cargado en el medidor.
standing-elsewhere = Pagado y vendido. Aún no cargado, que la estación sepa.
standing-handed = Entregado al medidor, que no contestó. No se sabe si está cargado: cargue otra vez, siempre es correcto.
standing-needs-others-first = No cargado: el medidor necesita antes otro token. Vuelva a preguntar a la estación y cargue después.
standing-account-closed = No cargado: la cuenta del medidor está cerrada. Pida la devolución.
standing-bad-content = No cargado: el medidor no puede usar este token. Vuelva a preguntar a la estación; ella hace otro.
standing-loaded = Cargado. El medidor lo tiene.
standing-loaded-untold = Cargado. El medidor lo tiene; la estación lo sabrá cuando haya red.
standing-void-pending = Se ha pedido una devolución. El medidor debe tomar antes el token de anulación.
standing-voided = Retirado del medidor. El dinero está en camino.
standing-sale-reversed = La venta está anulada. El dinero está en camino.
standing-refunded = El dinero está devuelto.
standing-expired = No se pagó a tiempo. No se compró nada.
standing-payment-held = Terminó sin venta. Una persona de la estación está viendo el pago.
standing-failed-refunding = Terminó sin venta. El dinero está en camino.
standing-failed = Terminó sin venta.
standing-person = Una persona de la estación lo está viendo.
standing-not-understood = Esta versión de la aplicación no conoce este estado. Vuelva a cargar la página.
loaded-receipt = Lo dice el recibo n.º { $number } del medidor.
hand-over = Entregar el token a otro teléfono
hand-over-how = El otro teléfono escanea este código y entrega el token al medidor. Puede hacerlo sin red. Entregarlo dos veces cuenta una sola.
hand-over-code = Código con el token
refund = Pedir la devolución
refund-how = Hay un token de esta compra, y quien lo tenga aún podría cargarlo. Así que el medidor debe prometer antes que no lo tomará nunca. Son tres pasos:
refund-if-loaded = Si el medidor ya lo cargó, no hay devolución: usted tiene lo que pagó.
refund-ask = Pedir la devolución
refund-step-asked = Usted pide el dinero.
refund-step-carried = Usted lleva el token de anulación al medidor. Su recibo prueba que esta compra no se podrá cargar nunca.
refund-step-money = El dinero vuelve.
refund-carry = El token de anulación está en este teléfono. Vaya al medidor y entréguelo, como si cargara. Antes no vuelve el dinero.
refund-carry-now = Entregar el token de anulación
refund-fetch = El token de anulación aún no está en este teléfono. Pregunte otra vez y llévelo después al medidor.
receipt-open = Recibo

## Junto al medidor
visit-title = Junto al medidor
receipt-says = Recibo n.º { $number } del medidor: se le han vendido { $total } desde que se fabricó.
delivery-applied = Cargado. El medidor ha tomado el crédito.
delivery-applied-other = El medidor ha tomado los ajustes que venían con él.
delivery-void = El medidor ha tomado el token de anulación: lo que retira ya no se podrá cargar nunca. El dinero vuelve cuando el recibo del medidor llega a la estación.
delivery-covered = El medidor ya lo tiene: no queda nada por cargar.
delivery-not-taken = No cargado: el medidor no tomó este token. No se pierde nada.
delivery-other-key = Este token es de una vida anterior de este medidor. Puede que lo hayan cambiado: vuelva a preguntar a la estación.
delivery-unclear = El medidor contestó, pero no dice nada de este token. Cargue otra vez.
refused-not-yet = Todavía no: el medidor está demasiado lleno. Consuma antes { $first } y cargue otra vez. El token sigue en este teléfono.
refused-needs-newer = Todavía no: antes debe llegar otro token. Vuelva a preguntar a la estación y cargue después.
refused-range = El medidor debe rechazarlo, porque lo que se retiraría ya está cargado. No hay devolución.
refused-closed = La cuenta del medidor está cerrada; ya no acepta crédito. Pida la devolución.
refused-content = El token es auténtico, pero este medidor no puede usarlo. Vuelva a preguntar a la estación; ella hace otro.
refused-total = Rechazado: el medidor tiene más de lo que sabe este token. Vuelva a preguntar a la estación.
refused-epoch = Rechazado: las claves del medidor son más nuevas o más antiguas. Vuelva a preguntar a la estación.
armed = El medidor está listo: pulse su botón para abrirlo.
armed-gas = El medidor está listo para abrir. Apague antes todos los aparatos. Después el residente pulsa el botón del medidor para abrir el gas.
valve-open = El medidor está abierto.
still-shut = El medidor sigue cerrado por otro motivo. Su pantalla dice cuál.

## La lista de la familia
list-title = Lista de la familia
list-how = Escriba lo que debe recibir cada medidor. Un solo pago los cubre todos.
list-none = Aún no hay medidores guardados. Escanee una etiqueta y guarde el medidor con un nombre.
list-empty = Escriba al menos una suma.
list-add = Añadir un medidor

## El edificio del administrador
house-title = Rondas
house-why = Pague de una vez todos los medidores de un edificio y luego pase por cada uno. Para la ronda no hace falta red.
house-import = Importar medidores de un archivo (CSV)
house-file = Cómo es el archivo
house-file-how = La primera línea nombra las columnas: meter y, si quiere, flat, room, persons y amount.
house-file-wrong = Este archivo no sirve. No se ha cambiado nada.
house-more-wrong = y más líneas: { $n }
house-taken = Medidores de esta casa: { $n }.
house-gone = Ya no están en el archivo y se quitaron de la casa: { $n }.
file-too-many = El archivo tiene { $n } líneas, y un pago es para 500 como máximo. Haga varios archivos, cada uno con la primera línea.
file-empty = No hay medidores en el archivo.
file-no-column = La primera línea del archivo debe nombrar una columna { $name }. Nombra: { $found }
file-header = Este archivo no sirve: { $why }
line-wrong = Línea { $line }: { $why }
line-no-meter = falta el número del medidor.
line-shares = { $text } no es un número de personas o partes; escriba un número entero como 3.
line-twice = el medidor { $label } ya está en la línea { $first }. Ponga en una sola línea todo lo que debe recibir.
line-quotation = unas comillas no se cierran.
line-letters = las letras no se pueden leer. Guarde el archivo como CSV en UTF-8.
line-cells = hay más celdas que columnas en la primera línea.
house-too-many = Este teléfono guarda como máximo { $most } medidores.
house-which = Edificio
house-sums = Lo que recibe cada medidor
house-same = lo mismo para todos
house-share = por unidad: personas, habitaciones
house-target = hasta un saldo deseado
house-each = cada uno por separado
house-paste = Pegar sumas: una etiqueta y una suma por línea, o sumas en el orden de la lista
house-paste-wrong = No se tomó nada. Estas líneas no son ni una etiqueta con una suma ni una suma, o hay demasiadas: { $lines }
house-paste-strangers = No se tomó nada. Estos medidores no están en esta casa: { $labels }
house-line-wrong = No se puede comprar nada para { $label }.
house-sum-of = Suma para { $name }
house-preview = { $n ->
    [one] Un medidor recibe algo
    [many] { $n } de medidores reciben algo
   *[other] { $n } medidores reciben algo
}
house-quantities = { $n ->
    [one] Una línea es una cantidad; su precio viene después.
    [many] { $n } de líneas son cantidades; su precio viene después.
   *[other] { $n } líneas son cantidades; su precio viene después.
}
planned-too-large = demasiado grande
planned-no-balance = aquí no se conoce su saldo
planned-other-unit = otra unidad

## Una ronda
walk-title = Ronda
walk-begin = Empezar la ronda
walk-go-on = Seguir con la ronda
walk-done = { $n ->
    [one] { $n } hecho
    [many] { $n } de hechos
   *[other] { $n } hechos
}
walk-left = { $n ->
    [one] { $n } pendiente
    [many] { $n } de pendientes
   *[other] { $n } pendientes
}
walk-skipped = { $n ->
    [one] { $n } omitido
    [many] { $n } de omitidos
   *[other] { $n } omitidos
}
walk-progress = Cuánto de la ronda está hecho
walk-receipts = { $n ->
    [one] Un recibo espera una red
    [many] { $n } de recibos esperan una red
   *[other] { $n } recibos esperan una red
}
walk-over = No queda nada por visitar.
walk-all = { $n ->
    [one] El único medidor
    [many] Los { $n } de medidores
   *[other] Los { $n } medidores
}
walk-load = Cargar el medidor presente
walk-number = Otro medidor de la ronda
walk-load-number = Cargar este
walk-choose = Ir a este ahora
walk-not-here = El medidor { $label } no es de los que recorre este teléfono. No se hizo nada.
walk-other = Este era { $is }, no { $wanted }. { $wanted } sigue pendiente.
walk-skip = Omitir este
walk-skip-why = ¿Por qué?
walk-note = Nota
walk-skip-now = Omitir
walk-unskip = Volver a la lista
walk-split = Compartir la ronda
walk-split-how = Otro teléfono abre uno de estos enlaces mientras tenga red. Puede hacer una mitad, o encargarse de toda la ronda.
walk-part = Este teléfono hace la parte { $part } de { $of }.
walk-take-all = Recorrer toda la ronda con este teléfono
walk-whole = Toda la ronda
walk-half = Mitad { $number }
walk-result = Guardar el resultado (CSV)
walk-result-saved = El resultado está guardado.
walk-result-failed = No se pudo guardar el resultado.
skip-nobody-home = Nadie abrió
skip-not-reachable = No se puede llegar
skip-no-answer = El medidor no contesta
skip-refused = El medidor lo rechazó
skip-not-wanted = El residente no lo quiere
skip-other = Otra cosa
stop-done = hecho: cargado
stop-left = por visitar

## Historial y recibos
history-title = Historial
history-none = Aún no se ha comprado nada con este teléfono.
receipt-title = Recibo
receipt-when = Cuándo
receipt-utility = Empresa
receipt-what = Qué
receipt-bought = Comprado
receipt-amount = Pagado
receipt-standing = Estado
receipt-meter-receipt = Recibo del medidor
receipt-order = Compra / línea
lost-title = ¿Otro teléfono, o todo perdido?
lost-how = Cada compra tiene un enlace. Ábralo, escanee su código o péguelo aquí: tokens y recibos vuelven.
lost-link = Enlace de la compra
lost-wrong = Esto no es un enlace a una compra de esta estación. Lleva /o/ y un número largo.
lost-scan = Escanear su código
problem = Avisar de un problema
problem-how = La gente de { $station } lee lo que usted escribe.
problem-what = ¿Qué va mal?
problem-contact = ¿Cómo podemos localizarle? (solo si quiere)
problem-attached = Estos números van incluidos, para poder encontrarlo todo:
problem-send = Enviar
problem-empty = Escriba qué va mal.
problem-sent = La estación tiene su aviso. Alguien lo mirará.
problem-kept = Guardado en este teléfono. Se envía cuando haya red.
problem-number = Número del aviso:
problem-taken = La estación ya tiene su aviso n.º { $number }.
problem-waiting = { $n ->
    [one] Un aviso espera red.
    [many] { $n } de avisos esperan red.
   *[other] { $n } avisos esperan red.
}
carry-title = Un token de otro teléfono
carry-kept = Guardado en este teléfono, para el medidor

## Ajustes
settings-title = Ajustes
settings-language = Idioma
settings-storage = Lo que guarda este teléfono
settings-ways = Formas de llegar a un medidor
settings-about = Acerca de
storage-stays = El navegador ha prometido conservarlo.
storage-may-go = El navegador puede borrarlo si falta espacio. El enlace de cada compra lo recupera todo.
storage-unknown = El navegador no dice cuánto tiempo lo conserva. El enlace de cada compra lo recupera todo.
storage-tokens = { $n ->
    [0] Aquí no espera ningún token.
    [one] Aquí espera un token.
    [many] Aquí esperan { $n } de tokens.
   *[other] Aquí esperan { $n } tokens.
}
storage-damaged = { $n ->
    [one] Un registro no se puede leer. Se queda donde está; avise a su empresa.
    [many] { $n } de registros no se pueden leer. Se quedan donde están; avise a su empresa.
   *[other] { $n } registros no se pueden leer. Se quedan donde están; avise a su empresa.
}
way-bluetooth = Bluetooth
way-serial = Cable serie
way-cable = Llegar a los medidores por el cable, no por Bluetooth
way-nfc = Tocar una marca NFC
about = Coinless es de código abierto. Solo habla con esta estación y no sigue a nadie.

## Cuando algo no funciona
trouble-store = El teléfono no pudo anotar lo que debe recordar, así que no se hizo nada. Libere espacio y hágalo otra vez.
trouble-newer-store = Una versión más nueva de esta aplicación escribió lo que guarda el teléfono. No se cambió ni se perdió nada: vuelva a cargar la página cuando haya red, para obtener la versión nueva.
trouble-damaged = Algo que guarda este teléfono no se puede leer, y puede ser esta compra. No se compró nada. Avise a su empresa.
trouble-link = El medidor no contesta. No se pierde nada: acérquese y hágalo otra vez.
trouble-nothing-chosen = No se eligió ningún medidor. No se hizo nada. Si el suyo no estaba en la lista, acérquese, pulse su botón e inténtelo otra vez.
trouble-offline = No hay red. No se pierde nada: puede hacerlo otra vez sin riesgo.
trouble-unclear = La estación no dio una respuesta clara. No se pierde nada: puede hacerlo otra vez sin riesgo.
trouble-recovering = La estación se está restaurando de una copia y por ahora no vende nada. No se pierde nada; inténtelo dentro de unos minutos.
trouble-refused = La estación lo rechaza. No se hizo nada. Si no ve por qué, avise.
meter-refuses-malformed = El medidor no puede leer el mensaje. Hágalo otra vez; si sigue igual, avise.
meter-refuses-wrong-version = El medidor habla otra versión del lenguaje. Recargue esta página; si sigue igual, avise.
meter-refuses-unknown-key = El medidor no conoce una parte del mensaje. Recargue esta página; si sigue igual, avise.
meter-refuses-not-this-meter = Es para otro medidor. Compare el número de la etiqueta.
meter-refuses-other-key = Es para una vida anterior de este medidor: desde entonces lo repararon o cambiaron. Vuelva a preguntar a la estación; hará otro token.
meter-refuses-unknown-issuer = El medidor no conoce a quien hizo el token. Quizá sea de otra compañía. Avise.
meter-refuses-bad-signature = El token cambió por el camino, o no lo hizo la compañía. Avise.
meter-refuses-out-of-service = El medidor está fuera de servicio. Avise; debe verlo un técnico.
meter-refuses-busy = El medidor ahorra batería. Pulse su botón o espere unos minutos, y hágalo otra vez.
trouble-meter-busy = El medidor ahorra batería. Pulse su botón o espere unos minutos, y hágalo otra vez.
trouble-not-authentic = Lo que contestó no es el medidor que la estación conoce: quizá lo cambiaron, o algo alteró su respuesta. No se hizo nada. Compare el número de la etiqueta; si es correcto, avise.
trouble-wrong-meter = Este es el medidor { $label }, y no se compra nada para él. No se hizo nada.
trouble-other-meter = Este es el medidor { $is }, y el token es para { $wanted }. No se hizo nada.
trouble-other-order = El pedido de la estación no es el que se pidió. No se paga nada más.
trouble-no-such-order = La estación no conoce esta compra. Revise el enlace: cada carácter cuenta.
trouble-bad-purchase = Esto no se puede comprar.
trouble-too-expensive = Costaría más de lo que se mostró. No se ha pagado nada; mire el nuevo precio.
trouble-other-payer = La misma compra con otro pagador no ha terminado. Espere a saber cómo termina.
trouble-nothing-to-refund = No hay nada que retirar.
problem-unknown-meter = Esta estación no conoce este medidor.
problem-bad-meter-number = El número del medidor está mal escrito.
problem-bad-amount = Esta cantidad no se puede vender.
problem-over-maximum-credit = El medidor no admite tanto. Elija menos.
problem-not-sold = La compañía no vende esto a este medidor por ahora. Pregunte a su compañía, o avise.
problem-replaced = Este medidor fue cambiado por el medidor { $label }. Compre para ese.
problem-unavailable = Un sistema necesario no contesta ahora. No se ha pagado nada; inténtelo dentro de un momento.
problem-wrong-currency = Para este medidor se usa otra moneda.
problem-already-delivered = Esto ya está cargado; no hay devolución.
problem-not-possible-now = Tal como está ahora no es posible. Pregunte otra vez cómo está.
problem-malformed = La estación no entiende esto. Recargue la página; si sigue igual, avise.
problem-unknown-utility = La compañía del medidor ya no vende aquí. Pregunte a su compañía.
problem-unknown-provider = Esta forma de pago ya no se ofrece. Elija otra.
problem-unknown-order = La estación no conoce esta compra. Revise el enlace: cada carácter cuenta.
problem-unknown-line = La estación no conoce esta línea de la compra. Avise.
problem-recovering = La estación se está recuperando de una copia y no vende nada por ahora. No se pierde nada; pruebe otra vez en unos minutos.
problem-order-conflict = La estación tiene otra compra con este número. No se paga nada más. Pregunte otra vez cómo está.
problem-quote-expired = El precio ya no vale. No se pagó nada. Pregunte otra vez cuánto cuesta.
problem-bad-receipt = La estación no conoce el medidor de este recibo. Avise.
problem-bad-report = La estación no conoce el medidor de este mensaje. Avise.
problem-internal = La estación falló. No se sabe en qué quedó; hacer lo mismo otra vez es correcto.
problem-too-often = Se ha pedido demasiadas veces. Espere unos minutos.
problem-not-entitled = Estas lecturas son para quien vive con el medidor. Pulse su botón y escriba los ocho dígitos que muestra su pantalla.
problem-wrong-code = El medidor no muestra este código. Pulse su botón y escriba los ocho dígitos que muestre entonces.
problem-report-conflict = Otro aviso tiene este número. Escríbalo de nuevo.
