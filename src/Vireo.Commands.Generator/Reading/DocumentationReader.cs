using System.Text;
using System.Text.RegularExpressions;
using System.Xml;
using System.Xml.Linq;
using Microsoft.CodeAnalysis;

namespace Vireo.Commands.Generator.Reading;

/// <summary>Turns documentation comments into plain text.</summary>
internal static class DocumentationReader
{
    private static readonly Regex Spaces = new(@"\s+", RegexOptions.Compiled, TimeSpan.FromSeconds(1));

    /// <summary>The comment in front of a declaration.</summary>
    public static Documentation Read(SyntaxNode declaration)
    {
        var xml = new StringBuilder("<doc>");
        foreach (var trivia in declaration.GetLeadingTrivia())
        {
            foreach (var line in trivia.ToFullString().Split('\n'))
            {
                var text = line.TrimStart();
                if (text.StartsWith("///", StringComparison.Ordinal))
                {
                    xml.Append(text.Substring(3)).Append('\n');
                }
            }
        }

        try
        {
            var document = XElement.Parse(xml.Append("</doc>").ToString());
            return new Documentation(Text(document.Element("summary")), Text(document.Element("remarks")));
        }
        catch (XmlException)
        {
            // The compiler reports a malformed comment at its place (CS1570); here it merely says nothing.
            return Documentation.None;
        }
    }

    private static string Text(XElement? element)
    {
        if (element is null)
        {
            return "";
        }

        var text = new StringBuilder();
        Append(element, text);
        return Spaces.Replace(text.ToString(), " ").Trim();
    }

    private static void Append(XElement element, StringBuilder text)
    {
        foreach (var node in element.Nodes())
        {
            if (node is XText plain)
            {
                text.Append(plain.Value);
            }
            else if (node is XElement inner)
            {
                var reference = inner.Attribute("cref") ?? inner.Attribute("langword") ?? inner.Attribute("name");
                if (reference is not null && !inner.Nodes().Any())
                {
                    text.Append(reference.Value.Substring(reference.Value.LastIndexOf('.') + 1));
                }
                else
                {
                    Append(inner, text);
                }
            }
        }
    }
}
