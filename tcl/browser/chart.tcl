# A line over the last minutes, on a canvas.

oo::class create ::nats::browser::Chart {
    variable Canvas Title Format Span Points Pending

    # format: command prefix that writes a value for people.
    constructor {canvas title format span} {
        namespace path [list ::nats::browser {*}[namespace path]]
        set Canvas $canvas
        set Title $title
        set Format $format
        set Span $span
        set Points {}
        set Pending {}
        canvas $canvas -background [Color field] -highlightthickness 1 \
            -highlightbackground [Color border] -borderwidth 0 -takefocus 0 \
            -width [Em 36] -height [Em 16]
        bind $canvas <Configure> [list [self] draw]
    }

    destructor { after cancel $Pending }

    # A list of pairs {time value}, in order.
    method show {points} {
        set Points $points
        my draw
    }

    method points {} { return $Points }

    method draw {} {
        if {$Pending eq {}} { set Pending [after idle [list [self] draw_now]] }
    }

    method draw_now {} {
        set Pending {}
        set em [Em 1]
        set line [font metrics NatsBrowserSmall -linespace]
        set left [expr {7 * $em}]
        set right [expr {[winfo width $Canvas] - 2 * $em}]
        set top [expr {2.6 * $line}]
        set bottom [expr {[winfo height $Canvas] - 1.8 * $line}]
        $Canvas delete all
        if {$right - $left < $em || $bottom - $top < $line} return
        set last [expr {$Points eq {} ? "\u2013" : [{*}$Format [lindex $Points end 1]]}]
        $Canvas create text [expr {1.5 * $em}] [expr {0.7 * $line}] -anchor nw -text $Title -font NatsBrowserBold -fill [Color text]
        $Canvas create text $right [expr {0.7 * $line}] -anchor ne -text $last -font NatsBrowserBold -fill [Color accent] -tags last
        set most [my Ceiling]
        set span [my Shown_span]
        my Grid $left $top $right $bottom $most $span
        my Line $left $top $right $bottom $most $span
    }

    # As far back as there is something to show, up to the whole span.
    method Shown_span {} {
        if {$Points eq {}} { return 60000 }
        set age [expr {[clock milliseconds] - [lindex $Points 0 0]}]
        foreach span {60000 120000} {
            if {$age < $span} { return [expr {min($span, $Span)}] }
        }
        return $Span
    }

    # The top of the scale: 1, 2 or 5 times a power of ten.
    method Ceiling {} {
        set most 0
        foreach pair $Points { set most [expr {max($most, [lindex $pair 1])}] }
        if {$most <= 0} { return 1 }
        set power [expr {10.0 ** floor(log10($most))}]
        foreach step {1 2 5 10} {
            if {$step * $power >= $most} { return [expr {$step * $power}] }
        }
        return [expr {10 * $power}]
    }

    method Grid {left top right bottom most span} {
        set muted [Color muted]
        set gap [Gap]
        foreach part {0 0.5 1} {
            set y [expr {$bottom - $part * ($bottom - $top)}]
            $Canvas create line $left $y $right $y -fill [Color grid]
            $Canvas create text [expr {$left - $gap}] $y -anchor e -text [{*}$Format [expr {$part * $most}]] -font NatsBrowserSmall -fill $muted
        }
        foreach {part text anchor} [list 0 "\u2212[Span $span]" nw 1 now ne] {
            $Canvas create text [expr {$left + $part * ($right - $left)}] [expr {$bottom + $gap}] -anchor $anchor -text $text \
                -font NatsBrowserSmall -fill $muted
        }
    }

    method Line {left top right bottom most span} {
        set now [clock milliseconds]
        set from [expr {$now - $span}]
        set line {}
        foreach pair $Points {
            lassign $pair time value
            if {$time < $from} continue
            lappend line [expr {$left + double($time - $from) / $span * ($right - $left)}] \
                [expr {$bottom - double($value) / $most * ($bottom - $top)}]
        }
        if {[llength $line] < 4} return
        $Canvas create polygon [lindex $line 0] $bottom {*}$line [lindex $line end-1] $bottom -fill [Color fill] -outline {}
        $Canvas create line {*}$line -fill [Color line] -width [expr {max(1.5, [Em 1] / 5.0)}] -joinstyle round -tags line
    }
}
