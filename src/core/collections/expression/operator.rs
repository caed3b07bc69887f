//! The table of operators that evaluate all their arguments: names, and how arguments are given.

/// How an operator takes its arguments.
pub(super) enum Arguments {
    /// An array of `min` to `max`; a single one may stand without the array.
    Listed(usize, usize),
    /// An object of these names, of which the first `required` must be there.
    Named { names: &'static [&'static str], required: usize },
    /// Either one value as such, or an object of the names (dates with a time zone).
    Date,
}

use Arguments::{Date, Listed, Named};

macro_rules! operators {
    ($($variant:ident $name:literal $arguments:expr;)*) => {
        /// An operator.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Operator { $(#[doc = $name] $variant,)* }

        impl Operator {
            /// The operator called `name`, and how it takes its arguments.
            pub(super) fn find(name: &str) -> Option<(Self, Arguments)> {
                match name { $($name => Some((Self::$variant, $arguments)),)* _ => None }
            }

            /// Its name with the `$`.
            pub(super) fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

const MANY: usize = usize::MAX;
const TRIM: Arguments = Named { names: &["input", "chars"], required: 1 };
const REPLACE: Arguments = Named { names: &["input", "find", "replacement"], required: 3 };
const SHIFT: Arguments = Named { names: &["startDate", "unit", "amount", "timezone"], required: 3 };
const TOP: Arguments = Named { names: &["input", "n"], required: 2 };

operators! {
    Add "$add" Listed(0, MANY); Subtract "$subtract" Listed(2, 2); Multiply "$multiply" Listed(0, MANY);
    Divide "$divide" Listed(2, 2); Mod "$mod" Listed(2, 2); Abs "$abs" Listed(1, 1); Ceil "$ceil" Listed(1, 1);
    Floor "$floor" Listed(1, 1); Round "$round" Listed(1, 2); Trunc "$trunc" Listed(1, 2); Sqrt "$sqrt" Listed(1, 1);
    Pow "$pow" Listed(2, 2); Exp "$exp" Listed(1, 1); Ln "$ln" Listed(1, 1); Log "$log" Listed(2, 2);
    Log10 "$log10" Listed(1, 1);
    Eq "$eq" Listed(2, 2); Ne "$ne" Listed(2, 2); Gt "$gt" Listed(2, 2); Gte "$gte" Listed(2, 2);
    Lt "$lt" Listed(2, 2); Lte "$lte" Listed(2, 2); Cmp "$cmp" Listed(2, 2); Not "$not" Listed(1, 1);
    Sum "$sum" Listed(0, MANY); Avg "$avg" Listed(0, MANY); Min "$min" Listed(0, MANY); Max "$max" Listed(0, MANY);
    Size "$size" Listed(1, 1); ArrayElemAt "$arrayElemAt" Listed(2, 2); First "$first" Listed(1, 1);
    Last "$last" Listed(1, 1); FirstN "$firstN" TOP; LastN "$lastN" TOP; Slice "$slice" Listed(2, 3);
    ConcatArrays "$concatArrays" Listed(0, MANY); In "$in" Listed(2, 2); Range "$range" Listed(2, 3);
    ReverseArray "$reverseArray" Listed(1, 1); IndexOfArray "$indexOfArray" Listed(2, 4);
    IsArray "$isArray" Listed(1, 1);
    Zip "$zip" Named { names: &["inputs", "useLongestLength", "defaults"], required: 1 };
    Concat "$concat" Listed(0, MANY); ToLower "$toLower" Listed(1, 1); ToUpper "$toUpper" Listed(1, 1);
    SubstrBytes "$substrBytes" Listed(3, 3); Substr "$substr" Listed(3, 3); SubstrCP "$substrCP" Listed(3, 3);
    StrLenCP "$strLenCP" Listed(1, 1); StrLenBytes "$strLenBytes" Listed(1, 1); Split "$split" Listed(2, 2);
    Trim "$trim" TRIM; TrimLeft "$ltrim" TRIM; TrimRight "$rtrim" TRIM; IndexOfCP "$indexOfCP" Listed(2, 4);
    ReplaceOne "$replaceOne" REPLACE; ReplaceAll "$replaceAll" REPLACE;
    RegexMatch "$regexMatch" Named { names: &["input", "regex", "options"], required: 2 };
    StrCaseCmp "$strcasecmp" Listed(2, 2);
    MergeObjects "$mergeObjects" Listed(0, MANY); ObjectToArray "$objectToArray" Listed(1, 1);
    ArrayToObject "$arrayToObject" Listed(1, 1);
    GetField "$getField" Named { names: &["field", "input"], required: 1 };
    SetField "$setField" Named { names: &["field", "input", "value"], required: 3 };
    UnsetField "$unsetField" Named { names: &["field", "input"], required: 2 };
    SetUnion "$setUnion" Listed(0, MANY); SetIntersection "$setIntersection" Listed(0, MANY);
    SetDifference "$setDifference" Listed(2, 2); SetIsSubset "$setIsSubset" Listed(2, 2);
    SetEquals "$setEquals" Listed(2, MANY); AnyElementTrue "$anyElementTrue" Listed(1, 1);
    AllElementsTrue "$allElementsTrue" Listed(1, 1);
    Year "$year" Date; Month "$month" Date; DayOfMonth "$dayOfMonth" Date; Hour "$hour" Date; Minute "$minute" Date;
    Second "$second" Date; Millisecond "$millisecond" Date; DayOfWeek "$dayOfWeek" Date; DayOfYear "$dayOfYear" Date;
    IsoDayOfWeek "$isoDayOfWeek" Date; IsoWeek "$isoWeek" Date; IsoWeekYear "$isoWeekYear" Date;
    DateToString "$dateToString" Named { names: &["date", "format", "timezone", "onNull"], required: 1 };
    DateTrunc "$dateTrunc" Named { names: &["date", "unit", "binSize", "timezone", "startOfWeek"], required: 2 };
    DateAdd "$dateAdd" SHIFT; DateSubtract "$dateSubtract" SHIFT;
    DateDiff "$dateDiff" Named { names: &["startDate", "endDate", "unit", "timezone", "startOfWeek"], required: 3 };
    Type "$type" Listed(1, 1); IsNumber "$isNumber" Listed(1, 1); ToString "$toString" Listed(1, 1);
    ToInt "$toInt" Listed(1, 1); ToLong "$toLong" Listed(1, 1); ToDouble "$toDouble" Listed(1, 1);
    ToBool "$toBool" Listed(1, 1); ToDate "$toDate" Listed(1, 1);
}
