# A table of any number of rows, of which only those are made that are seen: a ttk::treeview with as many items as fit,
# which are filled anew when the table is scrolled.
#
#     Rows new path columns callbacks ?-option value ...?
#         columns      a list of {name title width anchor}; width in ems, from 30 on a share of the room that there is; the
#                      first one is the tree column
#         callbacks    a dict of command prefixes:
#             row       index -> a dict: text, values, and as needed tags and lead; lead is the part of text before the
#                       label, on which a click toggles the row
#             selected  index: a row was selected by the user
#             activated index: Return or a double click
#             toggled   index open|close|toggle: Right, Left, a click on the lead
#             menu      index x y: the right button

oo::class create ::nats::browser::Rows {
    variable Path Tree Bar Callbacks Total Top Slots Selected Pending Heading Widths

    constructor {path columns callbacks args} {
        namespace path [list ::nats::browser {*}[namespace path]]
        set Path $path
        set Tree $path.tree
        set Bar $path.bar
        set Callbacks $callbacks
        lassign {0 0 0 -1 {}} Total Top Slots Selected Pending
        set Heading [expr {round([font metrics TkDefaultFont -linespace] * 1.5)}]
        ttk::frame $path
        ttk::treeview $Tree -style NatsRows.Treeview -selectmode browse -columns [lmap c [lrange $columns 1 end] {lindex $c 0}]
        ttk::scrollbar $Bar -orient vertical -command [list [self] scroll]
        grid $Tree $Bar -sticky nsew
        grid columnconfigure $path 0 -weight 1
        grid rowconfigure $path 0 -weight 1
        set number -1
        foreach column $columns {
            lassign $column name title width anchor
            # By their own names, as the numbers are those of the columns that are shown.
            set id [expr {[incr number] ? $name : "#0"}]
            $Tree heading $id -text $title -anchor $anchor
            set stretch [expr {$width >= 30}]
            $Tree column $id -width [Em $width] -minwidth [Em 4] -anchor $anchor -stretch $stretch
            lappend Widths [list $id $width $stretch]
        }
        my Bind
        foreach tag {new1 new2 changed1 changed2 gone1 gone2} {
            $Tree tag configure $tag -background [Color $tag]
        }
        $Tree tag configure muted -foreground [Color muted]
    }

    destructor { after cancel $Pending }

    method Bind {} {
        set self [self]
        bind $Tree <Configure> [list $self fit]
        bind $Tree <ButtonPress-1> "if {\[$self press %x %y\]} break"
        bind $Tree <Double-ButtonPress-1> "if {\[$self double %x %y\]} break"
        bind $Tree <ButtonPress-3> "$self context %x %y %X %Y; break"
        bind $Tree <MouseWheel> "$self wheel %D; break"
        bind $Tree <Button-4> "$self wheel 120; break"
        bind $Tree <Button-5> "$self wheel -120; break"
        foreach {key amount} {Up -1 Down 1 Prior -page Next page Home -all End all} {
            bind $Tree <Key-$key> "$self step $amount; break"
        }
        foreach {key how} {Left close Right open space toggle} {
            bind $Tree <Key-$key> "$self toggle $how; break"
        }
        bind $Tree <Key-Return> "$self activate; break"
        bind $Tree <<ContextMenu>> "$self context_of_selected; break"
    }

    method widget {} { return $Tree }
    method total {} { return $Total }
    method selected {} { return $Selected }
    method top {} { return $Top }
    # The rows that are seen, first and last.
    method seen {} { list $Top [expr {min($Total, $Top + $Slots) - 1}] }

    # There are so many rows now, and another one may be the selected one (-1: none).
    method set_rows {total selected} {
        set Total $total
        set Selected $selected
        my scroll_to $Top
    }

    method heading {column text} { $Tree heading $column -text $text }

    # ---- drawing

    # The content may have changed. Drawn once, when nothing else is to be done.
    method draw {} {
        if {$Pending eq {}} { set Pending [after idle [list [self] draw_now]] }
    }

    method draw_now {} {
        after cancel $Pending
        set Pending {}
        set count [expr {max(0, min($Slots, $Total - $Top))}]
        set slots {}
        for {set slot 0} {$slot < $count} {incr slot} {
            set row [{*}[dict get $Callbacks row] [expr {$Top + $slot}]]
            set tags [expr {[dict exists $row tags] ? [dict get $row tags] : {}}]
            $Tree item s$slot -text [dict get $row text] -values [dict get $row values] -tags $tags
            lappend slots s$slot
        }
        $Tree children {} $slots
        set place [expr {$Selected - $Top}]
        $Tree selection set [expr {$place >= 0 && $place < $count ? "s$place" : {}}]
        if {$place >= 0 && $place < $count} { $Tree focus s$place }
        my Show_place
        # The height of the heading is known once there is a row.
        if {$count} {
            set box [$Tree bbox s0]
            if {$box ne {} && [lindex $box 1] != $Heading} {
                set Heading [lindex $box 1]
                my fit
            }
        }
    }

    # As many items as fit into the window.
    method fit {} {
        Share_width $Tree $Widths
        if {![$Tree exists s0]} { $Tree insert {} end -id s0; set Slots 1 }
        set height [ttk::style lookup NatsRows.Treeview -rowheight]
        set wanted [expr {max(1, int(([winfo height $Tree] - $Heading - 1) / $height))}]
        while {$Slots < $wanted} {
            if {![$Tree exists s$Slots]} { $Tree insert {} end -id s$Slots }
            incr Slots
        }
        set Slots $wanted
        my scroll_to $Top
    }

    method Show_place {} {
        set total [expr {max(1, $Total, $Slots)}]
        Set_bar $Bar [expr {double($Top) / $total}] [expr {double($Top + $Slots) / $total}]
    }

    # ---- moving

    method scroll {what amount args} {
        switch $what {
            moveto { my scroll_to [expr {round($amount * $Total)}] }
            scroll { my scroll_to [expr {$Top + $amount * ([lindex $args 0] eq "pages" ? max(1, $Slots - 1) : 1)}] }
        }
    }

    method scroll_to {top} {
        set Top [expr {max(0, min($top, $Total - $Slots))}]
        my Show_place
        my draw
    }

    method wheel {delta} {
        my scroll_to [expr {$Top - ($delta > 0 ? 3 : -3)}]
    }

    method see {index} {
        if {$index < $Top} { my scroll_to $index }
        if {$index >= $Top + $Slots} { my scroll_to [expr {$index - $Slots + 1}] }
    }

    # The user has chosen a row.
    method choose {index} {
        if {$index < 0 || $index >= $Total} return
        set Selected $index
        my see $index
        my draw
        {*}[dict get $Callbacks selected] $index
    }

    method step {amount} {
        set page [expr {max(1, $Slots - 1)}]
        set amount [dict get [dict create -1 -1 1 1 page $page -page -$page all $Total -all -$Total] $amount]
        my choose [expr {max(0, min($Total - 1, $Selected + $amount))}]
    }

    method toggle {how} {
        if {$Selected >= 0 && [dict exists $Callbacks toggled]} { {*}[dict get $Callbacks toggled] $Selected $how }
    }

    method activate {} {
        if {$Selected >= 0 && [dict exists $Callbacks activated]} { {*}[dict get $Callbacks activated] $Selected }
    }

    # ---- the mouse

    # The index of the row at a place, -1 if there is none.
    method At {x y} {
        if {[$Tree identify region $x $y] ni {cell tree}} { return -1 }
        set slot [$Tree identify item $x $y]
        expr {$slot eq {} ? -1 : $Top + [string range $slot 1 end]}
    }

    # Whether it was for a row.
    method press {x y} {
        focus $Tree
        set index [my At $x $y]
        if {$index < 0} { return 0 }
        if {[my On_lead $index $x]} {
            {*}[dict get $Callbacks toggled] $index toggle
        } else {
            my choose $index
        }
        return 1
    }

    method On_lead {index x} {
        if {![dict exists $Callbacks toggled]} { return 0 }
        set row [{*}[dict get $Callbacks row] $index]
        if {![dict exists $row lead]} { return 0 }
        expr {[$Tree identify column $x 0] eq "#0" && $x <= [font measure TkDefaultFont [dict get $row lead]] + [Gap 2.5]}
    }

    method double {x y} {
        set index [my At $x $y]
        if {$index < 0} { return 0 }
        if {![my On_lead $index $x]} { my activate }
        return 1
    }

    method context {x y X Y} {
        focus $Tree
        set index [my At $x $y]
        if {$index < 0} return
        my choose $index
        if {[dict exists $Callbacks menu]} { {*}[dict get $Callbacks menu] $index $X $Y }
    }

    method context_of_selected {} {
        if {$Selected < 0 || ![dict exists $Callbacks menu]} return
        my see $Selected
        my draw_now
        lassign [$Tree bbox s[expr {$Selected - $Top}]] x y width height
        {*}[dict get $Callbacks menu] $Selected [expr {[winfo rootx $Tree] + $x + [Em 4]}] [expr {[winfo rooty $Tree] + $y + $height}]
    }
}
