# The chart: operations a second of each client on a logarithmic scale, a group of bars a case. Plain SVG.

namespace eval bench {
    variable Colors {limit #57606a raw #9aa5b1 c #8250df tcl #1f6feb py #d9a514 js #3f9142}
}

proc bench::chart {path cases names medians} {
    variable Colors
    variable Names
    set bar 11
    set group [expr {$bar * [llength $names] + 14}]
    set left 190
    set width 760
    set plot [expr {$width - $left - 80}]
    set top 46
    set height [expr {$top + $group * [llength $cases] + 34}]
    lassign [Decades [dict values [dict filter $medians key rates,*]]] low high
    set svg [list "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 $width $height\" width=\"$width\"\
        height=\"$height\" font-family=\"system-ui, sans-serif\" font-size=\"12\" fill=\"#24292f\">" \
        "<title>Operations a second, logarithmic scale</title>" \
        "<rect width=\"$width\" height=\"$height\" fill=\"#ffffff\"/>"]
    set x $left
    foreach name $names {
        lappend svg [Box $x 12 12 12 [dict get $Colors $name]] [Text [expr {$x + 18}] 22 start [dict get $Names $name]]
        incr x [expr {($width - $left) / [llength $names]}]
    }
    for {set decade $low} {$decade <= $high} {incr decade} {
        set x [Position [expr {10.0 ** $decade}] $low $high $left $plot]
        lappend svg "<line x1=\"$x\" x2=\"$x\" y1=\"$top\" y2=\"[expr {$height - 28}]\" stroke=\"#d0d7de\"/>" \
            [Text $x [expr {$height - 12}] middle [grouped [expr {10 ** $decade}]]]
    }
    set y [expr {$top + 4}]
    foreach case $cases {
        set caption [string map {& &amp; < &lt; > &gt;} [caption $case]]
        lappend svg [Text [expr {$left - 10}] [expr {$y + $bar * [llength $names] / 2 + 4}] end $caption]
        foreach name $names {
            if {[dict exists $medians rates,$case,$name]} {
                set rate [dict get $medians rates,$case,$name]
                set end [Position $rate $low $high $left $plot]
                lappend svg [Box $left $y [expr {$end - $left}] [expr {$bar - 1}] [dict get $Colors $name]] \
                    "<g font-size=\"9\">[Text [expr {$end + 4}] [expr {$y + 8}] start [grouped $rate]]</g>"
            }
            incr y $bar
        }
        incr y 14
    }
    lappend svg </svg>
    file mkdir [file dirname $path]
    set channel [open $path w]
    fconfigure $channel -encoding utf-8 -translation lf
    puts $channel [join $svg \n]
    close $channel
}

# The powers of ten below and above all values.
proc bench::Decades {rates} {
    set sorted [lsort -real $rates]
    list [expr {int(floor(log10([lindex $sorted 0])))}] [expr {int(ceil(log10([lindex $sorted end])))}]
}

proc bench::Position {value low high left plot} {
    format %.1f [expr {$left + $plot * (log10($value) - $low) / double(max(1, $high - $low))}]
}

proc bench::Box {x y width height color} {
    return "<rect x=\"$x\" y=\"$y\" width=\"[format %.1f $width]\" height=\"$height\" rx=\"2\" fill=\"$color\"/>"
}

proc bench::Text {x y anchor text} {
    return "<text x=\"$x\" y=\"$y\" text-anchor=\"$anchor\">$text</text>"
}
