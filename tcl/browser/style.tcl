# Fonts, colours and measures. All measures follow the default font, so they fit any scaling.

namespace eval ::nats::browser {
    variable Colors {
        text #1f2328 muted #656d76 border #d0d7de panel #f6f8fa field #ffffff accent #0969da select #d3e5fb
        good #1a7f37 warn #9a6700 bad #cf222e
        new1 #b9ebc4 new2 #e2f7e6 changed1 #ffedb0 changed2 #fff6d6 gone1 #ffc9c5 gone2 #ffeceb
        line #0969da fill #ddedff grid #eaeef2
    }
}

proc ::nats::browser::Color {name} {
    variable Colors
    dict get $Colors $name
}

# A number of widths of a digit, in pixels: widths of columns and windows.
proc ::nats::browser::Em {n} {
    expr {round($n * [font measure TkDefaultFont 0])}
}

# A number of quarters of a line, in pixels: distances.
proc ::nats::browser::Gap {{n 1}} {
    expr {max(1, round($n * [font metrics TkDefaultFont -linespace] / 4.0))}
}

# Columns of a tree in the room that there is: a list of {column width shares}, widths in ems. Those that share get what
# the others leave; where that is less than half of what they want, the last of the others are left out.
proc ::nats::browser::Share_width {tree columns} {
    set room [expr {[winfo width $tree] - 2}]
    set fixed {}
    set total 0
    foreach column $columns {
        lassign $column id width shares
        if {$shares} { incr total $width } elseif {$id ne "#0"} { lappend fixed $id }
    }
    set first [expr {[lindex $columns 0 2] ? 0 : [$tree column #0 -width]}]
    while {$fixed ne {} && [Sum_width $tree $fixed] + $first + [Em $total] / 2 > $room} { set fixed [lrange $fixed 0 end-1] }
    set shown {}
    set rest [expr {max($room - $first - [Sum_width $tree $fixed], [Em $total] / 4)}]
    foreach column $columns {
        lassign $column id width shares
        if {$shares} { $tree column $id -width [expr {$rest * $width / $total}] }
        if {$id ne "#0" && ($shares || $id in $fixed)} { lappend shown $id }
    }
    if {[$tree cget -displaycolumns] ne $shown} { $tree configure -displaycolumns $shown }
}

proc ::nats::browser::Sum_width {tree columns} {
    set sum 0
    foreach column $columns { incr sum [$tree column $column -width] }
    return $sum
}

# The styles of a window's widgets, in whatever theme the application uses. Called again when that changes.
proc ::nats::browser::Prepare_styles {} {
    foreach {name base size weight} {
        NatsBrowserTitle TkDefaultFont 1.3 bold  NatsBrowserBold TkDefaultFont 1 bold
        NatsBrowserSmall TkDefaultFont 0.9 normal  NatsBrowserFixed TkFixedFont 1 normal
    } {
        if {$name ni [font names]} { font create $name }
        set own [font configure $base]
        font configure $name {*}$own -size [expr {round([dict get $own -size] * $size)}] -weight $weight
    }
    set line [font metrics TkDefaultFont -linespace]
    ttk::style configure Nats.Treeview -rowheight [expr {round($line * 1.45)}]
    ttk::style configure NatsRows.Treeview -rowheight [expr {round($line * 1.45)}]
    foreach style {Nats NatsRows} {
        ttk::style configure $style.Treeview.Cell -padding [list [Gap 1.5] 0]
        ttk::style configure $style.Treeview.Heading -padding [list [Gap 1.5] [Gap 0.6]]
    }
    ttk::style configure NatsRows.Treeview.Item -padding [list [Gap 1.5] 0 0 0]
    # Rows show their own signs, after an indent that the theme knows nothing of.
    ttk::style layout NatsRows.Treeview.Item {
        Treeitem.padding -sticky nswe -children { Treeitem.image -side left -sticky {} Treeitem.text -sticky nswe }
    }
    ttk::style configure NatsTitle.TLabel -font NatsBrowserTitle
    ttk::style configure NatsBold.TLabel -font NatsBrowserBold
    ttk::style configure NatsMuted.TLabel -foreground [Color muted]
    ttk::style configure NatsBad.TLabel -foreground [Color bad]
    ttk::style configure NatsNotice.TLabel -background [Color changed2] -foreground [Color text] -padding [Gap]
    ttk::style configure NatsNotice.TFrame -background [Color changed2]
}

# A theme for programs that have none of their own, nats-browser first of all: plain, light, flat. Called again when the
# scaling has changed.
proc ::nats::browser::use_theme {} {
    if {"natsbrowser" ni [ttk::style theme names]} { ttk::style theme create natsbrowser -parent clam }
    Set_theme
    ttk::style theme use natsbrowser
    option add *Text.background [Color field] widgetDefault
}

proc ::nats::browser::Set_theme {} {
    variable Colors
    dict with Colors {}
    set line [font metrics TkDefaultFont -linespace]
    set small [expr {round($line * 0.7)}]
    ttk::style theme settings natsbrowser {
        ttk::style configure . -background $panel -foreground $text -bordercolor $border -lightcolor $panel \
            -darkcolor $panel -troughcolor $grid -fieldbackground $field -selectbackground $select \
            -selectforeground $text -insertcolor $text -focuscolor $accent -font TkDefaultFont
        ttk::style map . -foreground [list disabled #8c959f]
        ttk::style configure TButton -relief raised -borderwidth 1 -padding [list [Gap 1.6] [Gap 0.6]] -width 0 -background $field -lightcolor $field \
            -darkcolor $field -anchor center
        ttk::style map TButton -background [list disabled $panel pressed $grid active #f3f4f6] \
            -lightcolor [list disabled $panel pressed $grid] -darkcolor [list disabled $panel pressed $grid] \
            -bordercolor [list focus $accent !focus $border]
        ttk::style configure Accent.TButton -background #1f883d -foreground white -lightcolor #1f883d -darkcolor #1f883d \
            -bordercolor #1a7f37
        ttk::style map Accent.TButton -background [list disabled $panel pressed #187733 active #1c8139] \
            -lightcolor [list disabled $panel] -darkcolor [list disabled $panel] -bordercolor [list disabled $border focus $text]
        ttk::style configure Danger.TButton -foreground $bad
        foreach style {TEntry TCombobox TSpinbox} {
            ttk::style configure $style -padding [list [Gap] [Gap 0.5]] -lightcolor $field -darkcolor $field -arrowsize $small
            ttk::style map $style -bordercolor [list focus $accent] -lightcolor [list focus $accent] -fieldbackground \
                [list disabled $panel readonly $field]
        }
        ttk::style configure TCheckbutton -indicatorsize $small -padding [Gap 0.5] -indicatormargin [list 0 0 [Gap] 0]
        ttk::style map TCheckbutton -background [list active $panel]
        ttk::style configure TNotebook -background $panel -bordercolor $border -tabmargins [list 0 [Gap] 0 0]
        ttk::style configure TNotebook.Tab -padding [list [Gap 3] [Gap 0.8]] -background $panel -foreground $muted -lightcolor $panel
        ttk::style map TNotebook.Tab -background [list selected $field] -foreground [list selected $text] \
            -lightcolor [list selected $field] -padding [list selected [list [Gap 3] [Gap 0.8]]] -expand [list selected {0 0 0 0}]
        ttk::style configure Treeview -background $field -fieldbackground $field -bordercolor $border -lightcolor $field \
            -indicatorsize $small -indent [expr {round($line * 0.9)}]
        ttk::style configure Item -indicatorsize $small -indicatormargins [list [Gap 0.5] [Gap 0.5] [Gap] [Gap 0.5]]
        ttk::style map Treeview -background [list selected $select] -foreground [list selected $text]
        ttk::style configure Heading -background $panel -foreground $muted -font TkDefaultFont -relief flat \
            -padding [list [Gap 1.5] [Gap 0.6]] -bordercolor $border
        ttk::style map Heading -background [list active $grid]
        foreach orient {Vertical Horizontal} {
            ttk::style configure $orient.TScrollbar -arrowsize $small -gripcount 0 -gripsize 0 -background #d8dee4 -bordercolor $panel \
                -lightcolor #d8dee4 -darkcolor #d8dee4 -troughcolor $panel -width $small
            ttk::style map $orient.TScrollbar -background [list disabled $panel active #afb8c1] \
                -lightcolor [list disabled $panel] -darkcolor [list disabled $panel] -arrowcolor [list disabled $border]
            ttk::style layout $orient.TScrollbar [list $orient.Scrollbar.trough -sticky nswe -children \
                [list $orient.Scrollbar.thumb -expand 1 -sticky nswe]]
        }
        ttk::style configure TPanedwindow -background $panel
        ttk::style configure Sash -sashthickness [Gap 1.4] -gripcount 0 -lightcolor $panel -bordercolor $panel
    }
}
