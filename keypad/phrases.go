package keypad

// phrases is all that the screens say, by its English, in the other tongues: German, French,
// Spanish, Italian, Dutch, Polish, Portuguese. {} stands for a name. Each is as short as
// courtesy allows, leaves nobody's sex to be guessed, and fits every panel there is.
var phrases = map[string][tongues - 1]string{
	// Keys and headings.
	"PIN":            {"PIN", "Code PIN", "PIN", "PIN", "Pincode", "PIN", "PIN"},
	"Cancel":         {"Abbruch", "Annuler", "Cancelar", "Annulla", "Stop", "Anuluj", "Cancelar"},
	"Backspace":      {"Löschen", "Effacer", "Borrar", "Cancella", "Wissen", "Usuń", "Apagar"},
	"Enter your PIN": {"PIN eingeben", "Saisissez votre code", "Introduzca su PIN", "Inserire il PIN", "Voer uw pincode in", "Wprowadź PIN", "Digite o PIN"},
	"Checking":       {"Wird geprüft", "Un instant", "Un momento", "Attendere", "Een ogenblik", "Proszę czekać", "Aguarde"},

	// The start page.
	"Hold your card here":           {"Karte hier vorhalten", "Présentez votre carte ici", "Acerque su tarjeta aquí", "Avvicinare qui la tessera", "Houd uw pas hier", "Przyłóż kartę tutaj", "Aproxime o cartão aqui"},
	"Hold the new card here":        {"Neue Karte hier vorhalten", "Présentez ici la nouvelle carte", "Acerque aquí la nueva tarjeta", "Avvicinare qui la nuova tessera", "Houd de nieuwe pas hier", "Przyłóż tutaj nową kartę", "Aproxime aqui o novo cartão"},
	"Door is held open":             {"Tür bleibt offen", "Porte maintenue ouverte", "Puerta mantenida abierta", "Porta tenuta aperta", "Deur blijft open", "Drzwi pozostają otwarte", "Porta mantida aberta"},
	"Out of order":                  {"Außer Betrieb", "Hors service", "Fuera de servicio", "Fuori servizio", "Buiten werking", "Nieczynne", "Fora de serviço"},
	"Cards only":                    {"Nur Karten", "Cartes seulement", "Solo tarjetas", "Solo tessere", "Alleen passen", "Tylko karty", "Só cartões"},
	"PIN only":                      {"Nur PIN", "Code PIN seulement", "Solo PIN", "Solo PIN", "Alleen pincode", "Tylko PIN", "Só PIN"},
	"Ask for the door to be opened": {"Bitte Tür öffnen lassen", "Demandez l’ouverture de la porte", "Pida que le abran la puerta", "Chiedere l’apertura della porta", "Vraag of iemand de deur opent", "Poproś o otwarcie drzwi", "Peça que abram a porta"},
	"No link":                       {"Keine Verbindung", "Hors ligne", "Sin conexión", "Non connesso", "Geen verbinding", "Brak łączności", "Sem conexão"},
	"Clock not set":                 {"Uhr nicht gestellt", "Heure non réglée", "Hora sin ajustar", "Ora non impostata", "Klok niet ingesteld", "Zegar nieustawiony", "Hora não ajustada"},

	// Outcomes, and what else has a screen of its own.
	"This reader":           {"Dieser Leser", "Ce lecteur", "Este lector", "Questo lettore", "Deze lezer", "Ten czytnik", "Este leitor"},
	"Welcome":               {"Willkommen", "Bienvenue", "Adelante", "Prego", "Welkom", "Witamy", "Boas-vindas"},
	"Welcome, {}":           {"Willkommen, {}", "Bienvenue, {}", "Adelante, {}", "Prego, {}", "Welkom, {}", "Witamy, {}", "Boas-vindas, {}"},
	"The door is open":      {"Die Tür ist offen", "La porte est ouverte", "La puerta está abierta", "La porta è aperta", "De deur is open", "Drzwi są otwarte", "A porta está aberta"},
	"{} is open":            {"{} ist offen", "Porte ouverte ({})", "Puerta abierta: {}", "Porta aperta: {}", "{} is open", "Otwarte: {}", "Porta aberta: {}"},
	"Not accepted":          {"Nicht angenommen", "Refusé", "No aceptado", "Non accettato", "Geweigerd", "Odmowa", "Recusado"},
	"Try again":             {"Bitte erneut versuchen", "Réessayez", "Inténtelo de nuevo", "Riprovare", "Probeer opnieuw", "Spróbuj ponownie", "Tente novamente"},
	"Card read":             {"Karte gelesen", "Carte lue", "Tarjeta leída", "Tessera letta", "Pas gelezen", "Karta odczytana", "Cartão lido"},
	"The controller has it": {"Die Zentrale hat sie", "La centrale l’a reçue", "Recibida por el controlador", "Ricevuta dalla centrale", "De centrale heeft hem", "Sterownik ją otrzymał", "Recebido pelo controlador"},
	"PIN entry is paused":   {"PIN-Eingabe pausiert", "Code PIN suspendu", "PIN en pausa", "PIN sospeso", "Pincode gepauzeerd", "PIN wstrzymany", "PIN em pausa"},
	"Use your card or ask for the door to be opened": {"Karte benutzen oder Tür öffnen lassen", "Utilisez votre carte ou demandez l’ouverture de la porte", "Use su tarjeta o pida que le abran la puerta", "Usare la tessera o chiedere l’apertura della porta", "Gebruik uw pas of vraag of iemand de deur opent", "Użyj karty lub poproś o otwarcie drzwi", "Use o cartão ou peça que abram a porta"},
	"Not set up":                        {"Nicht eingerichtet", "Non configuré", "Sin configurar", "Non configurato", "Niet ingesteld", "Bez konfiguracji", "Não configurado"},
	"Add this reader at the controller": {"Diesen Leser an der Zentrale anmelden", "Ajoutez ce lecteur à la centrale", "Añada este lector en el controlador", "Aggiungere questo lettore alla centrale", "Voeg deze lezer toe aan de centrale", "Dodaj ten czytnik w sterowniku", "Adicione este leitor no controlador"},

	// Why a card is refused, and what is wrong with the reader or its door.
	"Card not known":        {"Karte unbekannt", "Carte inconnue", "Tarjeta desconocida", "Tessera sconosciuta", "Pas onbekend", "Nieznana karta", "Cartão desconhecido"},
	"Not valid yet":         {"Noch nicht gültig", "Pas encore valable", "Aún no es válida", "Non ancora valida", "Nog niet geldig", "Jeszcze nieważna", "Ainda não é válido"},
	"No longer valid":       {"Nicht mehr gültig", "N’est plus valable", "Ya no es válida", "Non più valida", "Niet meer geldig", "Już nieważna", "Já não é válido"},
	"Not for this door":     {"Nicht für diese Tür", "Pas pour cette porte", "No es para esta puerta", "Non per questa porta", "Niet voor deze deur", "Nie do tych drzwi", "Não é para esta porta"},
	"Not at this time":      {"Nicht zu dieser Zeit", "Pas à cette heure", "No a esta hora", "Non a quest’ora", "Niet op dit tijdstip", "Nie o tej porze", "Não a esta hora"},
	"The time is not known": {"Uhrzeit ist unbekannt", "L’heure est inconnue", "Hora desconocida", "Ora sconosciuta", "De tijd is onbekend", "Czas jest nieznany", "Hora desconhecida"},
	"Ask for help":          {"Bitte Hilfe holen", "Demandez de l’aide", "Pida ayuda", "Chiedere aiuto", "Vraag om hulp", "Poproś o pomoc", "Peça ajuda"},
	"Please try again":      {"Bitte erneut versuchen", "Veuillez réessayer", "Inténtelo de nuevo", "Riprovare", "Probeer het opnieuw", "Spróbuj ponownie", "Tente novamente"},
	"Please wait a moment":  {"Bitte kurz warten", "Veuillez patienter", "Espere un momento", "Attendere un momento", "Wacht even", "Proszę chwilę poczekać", "Aguarde um momento"},
	"The reader is open":    {"Leser ist offen", "Lecteur ouvert", "Lector abierto", "Lettore aperto", "De lezer is open", "Czytnik otwarty", "Leitor aberto"},
	"Storage fault":         {"Speicherfehler", "Erreur de stockage", "Fallo de memoria", "Errore di memoria", "Opslagfout", "Błąd pamięci", "Falha de memória"},
	"Not up to date":        {"Nicht aktuell", "Pas à jour", "Sin actualizar", "Non aggiornato", "Niet bijgewerkt", "Dane nieaktualne", "Desatualizado"},
	"No card reader":        {"Kartenleser defekt", "Lecteur en panne", "Lector averiado", "Lettore guasto", "Paslezer defect", "Czytnik nie działa", "Leitor com defeito"},
	"No touch":              {"Touch defekt", "Tactile en panne", "Táctil averiado", "Touch guasto", "Touch defect", "Dotyk nie działa", "Toque com defeito"},
	"Clean the screen":      {"Bitte abwischen", "Nettoyez l’écran", "Limpie la pantalla", "Pulire lo schermo", "Veeg schoon", "Wytrzyj ekran", "Limpe o ecrã"},
	"Door was forced":       {"Tür aufgebrochen", "Porte forcée", "Puerta forzada", "Porta forzata", "Deur geforceerd", "Drzwi wyłamane", "Porta arrombada"},
	"Close the door":        {"Tür schließen", "Fermez la porte", "Cierre la puerta", "Chiudere la porta", "Sluit de deur", "Zamknij drzwi", "Feche a porta"},

	// Calibration.
	"Touch the cross":               {"Kreuz berühren", "Touchez la croix", "Toque la cruz", "Toccare la croce", "Raak het kruis aan", "Dotknij krzyżyka", "Toque na cruz"},
	"Not exact enough: start again": {"Zu ungenau: bitte von vorn", "Trop imprécis, recommencez", "Poco exacto: empiece de nuevo", "Poco preciso: ricominciare", "Te onnauwkeurig: begin opnieuw", "Za mało dokładnie: od nowa", "Pouco exato: comece de novo"},
	"Touch is set":                  {"Touch eingestellt", "Tactile réglé", "Táctil ajustado", "Touch regolato", "Touch ingesteld", "Dotyk ustawiony", "Toque ajustado"},
}
