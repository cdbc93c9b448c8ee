# How numbers, times and values are written for people.

# 1234567 -> 1 234 567, with spaces that don't break.
proc ::nats::browser::Number {n} {
    if {![string is entier -strict $n]} { return $n }
    set digits [string trimleft $n -]
    while {[regsub {^(\d+)(\d{3})} $digits "\\1\u00a0\\2" digits]} {}
    string cat [expr {$n < 0 ? "\u2212" : ""}] $digits
}

proc ::nats::browser::Size {bytes} {
    if {![string is double -strict $bytes]} { return {} }
    set units {B KB MB GB TB PB}
    set unit 0
    while {abs($bytes) >= 1000 && $unit < 5} {
        set bytes [expr {$bytes / 1000.0}]
        incr unit
    }
    set digits [expr {$unit == 0 || abs($bytes) >= 100 ? 0 : abs($bytes) >= 10 ? 1 : 2}]
    string cat [format %.${digits}f $bytes] "\u00a0" [lindex $units $unit]
}

# A rate or another measured number, short.
proc ::nats::browser::Short {value} {
    if {abs($value) >= 1e6} { return [format %.3gM [expr {$value / 1e6}]] }
    if {abs($value) >= 1e4} { return [format %.3gk [expr {$value / 1e3}]] }
    if {$value == int($value)} { return [expr {int($value)}] }
    format %.3g $value
}

# A span of time in its largest unit, and the next one where that matters: 45 s, 3 min 20 s, 5 h, 12 d.
proc ::nats::browser::Span {ms} {
    set s [expr {max(0, $ms) / 1000}]
    if {$s < 60} { return "$s s" }
    if {$s < 600} { return [string cat "[expr {$s / 60}] min" [expr {$s % 60 ? " [format %02d [expr {$s % 60}]] s" : ""}]] }
    if {$s < 3600} { return "[expr {$s / 60}] min" }
    if {$s < 36000} { return [string cat "[expr {$s / 3600}] h" [expr {$s % 3600 / 60 ? " [format %02d [expr {$s % 3600 / 60}]] min" : ""}]] }
    if {$s < 172800} { return "[expr {$s / 3600}] h" }
    return "[expr {$s / 86400}] d"
}

proc ::nats::browser::Age {created} {
    Span [expr {[clock milliseconds] - $created}]
}

proc ::nats::browser::Time {ms} {
    string cat [clock format [expr {$ms / 1000}] -format "%Y-%m-%d %H:%M:%S"] . [format %03d [expr {$ms % 1000}]]
}

# A span as a person types it: 90, 90s, 5m, 2h, 1d, 500ms; ms. What is none is an error.
proc ::nats::browser::Parse_span {text} {
    if {[string trim $text] eq "never"} { return never }
    if {![regexp {^\s*(\d+(?:\.\d+)?)\s*(ms|s|m|min|h|d)?\s*$} $text -> number unit]} {
        return -code error -errorcode {NATS ErrInvalidArg} "\"$text\" is no time: 90s, 5m, 2h, 1d or never"
    }
    set factor [dict get {ms 1 {} 1000 s 1000 m 60000 min 60000 h 3600000 d 86400000} $unit]
    expr {int($number * $factor)}
}

# What is in a value: json, text or binary.
proc ::nats::browser::Kind {bytes} {
    if {![Is_text $bytes text]} { return binary }
    if {[regexp {^\s*[\[\{]} $text] && ![catch {::nats::json decode $text}]} { return json }
    return text
}

# Tcl 9 raises an error for bytes that are no UTF-8, where Tcl 8.6 takes each for the character of its number.
namespace eval ::nats::browser {
    variable Utf8 [expr {[info tclversion] < 9 ? {utf-8} : {-profile tcl8 utf-8}}]
}

proc ::nats::browser::To_text {bytes} {
    variable Utf8
    encoding convertfrom {*}$Utf8 $bytes
}

proc ::nats::browser::To_bytes {text} {
    variable Utf8
    encoding convertto {*}$Utf8 $text
}

# Whether bytes are readable UTF-8, and then the text.
proc ::nats::browser::Is_text {bytes textVar} {
    upvar 1 $textVar text
    set text [To_text $bytes]
    expr {![regexp {[\u0000-\u0008\u000e-\u001f\u007f]} $text] && [To_bytes $text] eq $bytes}
}

# One line for a table: the text with its line breaks as signs, or the first bytes in hex.
proc ::nats::browser::Preview {bytes} {
    set head [string range $bytes 0 299]
    # A character that the cut has split must not make binary of a text.
    set cut [string length $head]
    if {[string length $bytes] > 300} {
        while {$cut > 296 && [scan [string index $bytes $cut] %c] >= 128 && [scan [string index $bytes $cut] %c] < 192} { incr cut -1 }
        set head [string range $bytes 0 $cut-1]
    }
    if {[Is_text $head text]} {
        return [string map [list "\r\n" \u23ce\  \n \u23ce\  \r \u23ce\  \t \ ] $text]
    }
    string trim [regsub -all {..} [binary encode hex [string range $bytes 0 23]] {& }]
}
